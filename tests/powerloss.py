"""What is on a disk after the power failed, for every moment of a recorded series of writes.

Whatever was not synced when the power failed is there or not, in any order, and of a page that was
being written some sectors may be there. New names, renamings and removals are like writes to their
folder.
"""

import os
import stat

SECTOR, PAGE = 512, 4096
FILE_CALLS = ("write", "pwrite", "copy_file_range", "posix_fallocate", "ftruncate", "fsync",
              "fdatasync")


class Recorder:
    """Takes the calls of `failing.failing` and keeps what they do as events.

    events: ("create", path, inode), ("write", inode, offset, bytes), ("grow" or "cut", inode,
    size), ("sync", inode), ("sync folder", path), ("replace", path, new path), ("unlink", path),
    ("mkdir", path).
    """

    def __init__(self, *paths):
        self.events = []
        self.known = {os.stat(path).st_ino: str(path) for path in paths}

    def call(self, name, real, arguments, keywords):
        """Do it and keep it."""
        if name in FILE_CALLS:
            fd = arguments[1] if name == "copy_file_range" else arguments[0]
            number = self._inode(fd)
            if number is not None:
                return self._keep(name, fd, number, real, arguments)
        done = real(*arguments, **keywords)
        if name in ("replace", "unlink", "mkdir"):
            paths = arguments[:1] if name == "mkdir" else arguments
            self.events.append((name, *map(os.path.realpath, paths)))
        return done

    def _inode(self, fd):
        status, path = os.fstat(fd), os.readlink(f"/proc/self/fd/{fd}")
        if stat.S_ISDIR(status.st_mode):
            self.events.append(("sync folder", path))
            return None
        if status.st_ino not in self.known:
            self.known[status.st_ino] = path
            self.events.append(("create", path, status.st_ino))
        return status.st_ino

    def _keep(self, name, fd, number, real, arguments):
        place = os.lseek(fd, 0, os.SEEK_CUR)
        done = real(*arguments)
        if name == "pwrite":
            self._written(number, arguments[2], bytes(arguments[1][:done]))
        elif name == "write":
            self._written(number, place, bytes(arguments[1][:done]))
        elif name == "copy_file_range":
            self._written(number, place, os.pread(arguments[0], done, arguments[3]))
        elif name == "posix_fallocate":
            self.events.append(("grow", number, arguments[1] + arguments[2]))
        elif name == "ftruncate":
            self.events.append(("cut", number, arguments[1]))
        else:
            self.events.append(("sync", number))
        return done

    def _written(self, number, offset, data):
        """Pages reach the disk each on its own."""
        while data:
            room = PAGE - offset % PAGE
            self.events.append(("write", number, offset, data[:room]))
            offset, data = offset + room, data[room:]


class Disk:
    """files: inode -> bytes; names: path -> inode; both as they are on disk for certain.  lacking:
    folders that were made, but are not on disk for certain."""

    def __init__(self, folders):
        self.files, self.names, self.pending, self.lacking = {}, {}, [], set()
        for folder in folders:
            for path in folder.glob("*"):
                if path.is_file():
                    self.names[str(path)] = path.stat().st_ino
                    self.files[path.stat().st_ino] = bytearray(path.read_bytes())

    def after(self, events, random):
        """Let events happen, then the power fail."""
        self.lacking |= {event[1] for event in events if event[0] == "mkdir"}
        for event in events:
            kind = event[0]
            if kind == "sync":
                self._settle(lambda one, event=event: one[1] == event[1] and one[0] in FILE)
            elif kind == "sync folder":
                self._settle(lambda one, event=event: one[0] not in FILE
                             and os.path.dirname(one[1]) == event[1])
            else:
                self.pending.append(event)
        files = [one for one in self.pending if one[0] in FILE and random.random() < 0.6]
        random.shuffle(files)
        for event in files:
            self._apply(torn(event, random))
        for event in self.pending:
            if event[0] not in FILE and random.random() < 0.6:
                self._apply(event)
        for folder in self.lacking:  # and with it what was in it, synced or not
            self.names = {path: number for path, number in self.names.items()
                          if not path.startswith(f"{folder}/")}

    def _settle(self, chosen):
        for event in [one for one in self.pending if chosen(one)]:
            self._apply(event)
            self.pending.remove(event)

    def _apply(self, event):
        kind, key, *rest = event
        if kind == "create":
            self.names[key] = rest[0]
        elif kind == "mkdir":
            self.lacking.discard(key)
        elif kind == "unlink":
            self.names.pop(key, None)
        elif kind == "replace":
            if key in self.names:
                self.names[rest[0]] = self.names.pop(key)
        else:
            data = self.files.setdefault(key, bytearray())
            size = rest[0] + len(rest[1]) if kind == "write" else rest[0]
            data.extend(bytes(max(0, size - len(data))))
            if kind == "write":
                data[rest[0] : size] = rest[1]
            elif kind == "cut":
                del data[size:]

    def restore(self, folders):
        """Make folders what the disk holds; files that are there already keep their inodes."""
        for folder in folders:
            for path in folder.glob("*"):
                if path.is_file() and str(path) not in self.names:
                    path.unlink()
        for name, number in self.names.items():
            with open(name, "r+b" if os.path.exists(name) else "w+b") as file:
                file.write(self.files.get(number, b""))
                file.truncate()


FILE = ("write", "grow", "cut")


def torn(event, random):
    """A write, or every sixth time only the sectors of it up to some place, or from there on."""
    if event[0] != "write" or random.random() > 1 / 6:
        return event
    kind, number, offset, data = event
    sectors = -(-(offset + len(data)) // SECTOR) - offset // SECTOR
    place = (offset // SECTOR + random.randrange(sectors + 1)) * SECTOR - offset
    place = min(max(place, 0), len(data))
    if random.random() < 0.5:
        return kind, number, offset, data[:place]
    return kind, number, offset + place, data[place:]
