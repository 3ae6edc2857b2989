"""A stand-in for NVIDIA's driver, where the card's memory is memory: each function of C that glview
calls, with arguments of C, as cuda.h of CUDA 12.9 declares them.

What the real one would refuse or crash on is an error here.
"""

import ctypes
import threading
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

from glview import cuda
from glview.core import tiles

OPERATING_SYSTEM = 304  # what drivers say where OpenGL is not theirs
INVALID, NO_CONTEXT, NOT_MAPPED, BAD_HANDLE = 1, 201, 212, 400
CONTEXT, MAGIC = 0xC0FFEE, b"\x00handle\xff"
WORD = POINTER(c_uint64)


class Handle(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char * 64)]


class Words(ctypes.Structure):
    """CUDA_MEMCPY2D, all of whose fields take 8 bytes."""

    _fields_ = [("words", c_uint64 * 16)]


TYPES = {
    "cuInit": (c_uint,), "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuDeviceGetCount": (POINTER(c_int),), "cuDeviceGet": (POINTER(c_int), c_int),
    "cuGLGetDevices_v2": (POINTER(c_uint), POINTER(c_int), c_uint, c_int),
    "cuDevicePrimaryCtxRetain": (WORD, c_int), "cuCtxSetCurrent": (c_void_p,),
    "cuCtxSynchronize": (), "cuMemGetInfo_v2": (POINTER(c_size_t), POINTER(c_size_t)),
    "cuMemAlloc_v2": (WORD, c_size_t), "cuMemFree_v2": (c_uint64,),
    "cuMemcpy2DUnaligned_v2": (POINTER(Words),), "cuIpcGetMemHandle": (POINTER(Handle), c_uint64),
    "cuIpcOpenMemHandle_v2": (WORD, Handle, c_uint),
    "cuGraphicsGLRegisterBuffer": (WORD, c_uint, c_uint),
    "cuGraphicsUnregisterResource": (c_void_p,),
    "cuGraphicsMapResources": (c_uint, WORD, c_void_p),
    "cuGraphicsUnmapResources": (c_uint, WORD, c_void_p),
    "cuGraphicsResourceGetMappedPointer_v2": (WORD, POINTER(c_size_t), c_void_p),
}


class FakeCuda:
    """ctx: moderngl's, whose OpenGL it shares.

    everywhere: whether all of this process's memory is the card's, as for a tensor of torch's.
    opened: what another process has, to be cleared when it would end.
    calls: names, in order; failing: the function that fails; cards: those that draw; spare: bytes;
    missing: bytes of the buffers that are mapped.
    """

    def __init__(self, ctx=None):
        self.ctx, self.calls, self.failing, self.cards, self.spare = ctx, [], "", [1], 1 << 33
        self.current, self.opened, self.missing, self.everywhere = None, [], 0, False
        self.memory, self.buffers, self.mapped = {}, {}, {}  # by address, by resource, by resource
        for name, types in TYPES.items():
            setattr(self, name, ctypes.CFUNCTYPE(c_int, *types)(self._called(name)))

    def _called(self, name):
        method = getattr(self, name.removesuffix("_v2").lower().replace("cu", "_", 1))

        def call(*arguments):
            self.calls.append(name)
            return OPERATING_SYSTEM if name == self.failing else method(*arguments) or 0

        return call

    def count(self, name):
        return self.calls.count(name)

    def _has(self, address, nbytes):
        """True if all of that is the card's."""
        return any(start <= address and address + nbytes <= start + len(held) for start, held in (
            (ctypes.addressof(one), one) for one in (*self.memory.values(), *self.mapped.values())))

    def _init(self, flags):
        return INVALID if flags else 0

    def _geterrorname(self, code, name):
        name[0] = b"CUDA_ERROR_OPERATING_SYSTEM" if code == OPERATING_SYSTEM else b"CUDA_ERROR"

    def _devicegetcount(self, count):
        count[0] = 3

    def _deviceget(self, device, ordinal):
        device[0] = 100 + ordinal

    def _glgetdevices(self, count, devices, room, which):
        assert which == 1 and room >= len(self.cards)
        count[0] = len(self.cards)
        for place, card in enumerate(self.cards):
            devices[place] = 100 + card

    def _deviceprimaryctxretain(self, context, device):
        assert device == 101
        context[0] = CONTEXT

    def _ctxsetcurrent(self, context):
        assert context == CONTEXT
        self.current = threading.get_ident()

    def _ctxsynchronize(self):
        return self._idle()

    def _idle(self):
        """The error of a thread without a context."""
        return 0 if self.current == threading.get_ident() else NO_CONTEXT

    def _memgetinfo(self, free, total):
        free[0] = total[0] = self.spare

    def _memalloc(self, address, nbytes):
        assert nbytes % (2 << 20) == 0
        held = ctypes.create_string_buffer(b"\xaa" * nbytes, nbytes)
        address[0] = ctypes.addressof(held)
        self.memory[address[0]] = held
        return self._idle()

    def _memfree(self, address):
        assert address not in self.opened, "somebody still has it"
        return 0 if self.memory.pop(address, None) else INVALID

    def _ipcgetmemhandle(self, handle, address):
        assert address in self.memory
        ctypes.memmove(handle, MAGIC.ljust(56, b"\x07") + address.to_bytes(8, "little"), 64)

    def _ipcopenmemhandle(self, address, handle, flags):
        text = ctypes.string_at(ctypes.addressof(handle), 64)
        address[0] = int.from_bytes(text[56:], "little")
        self.opened.append(address[0])
        return 0 if text.startswith(MAGIC) and flags == 1 else BAD_HANDLE

    def _memcpy2dunaligned(self, copy):
        words = copy[0].words[:]
        (x, y, kind, host, device, _, pitch), to = words[:7], words[7:14]
        width, height = words[14:]
        kind, to[2] = kind & 0xFFFFFFFF, to[2] & 0xFFFFFFFF  # of an enum, the rest is padding
        start = (host if kind == 1 else device) + y * pitch + x
        end = to[4] + to[1] * to[6] + to[0]
        if kind not in (1, 2) or to[2] != 2 or x + width > pitch or to[0] + width > to[6]:
            return INVALID
        assert kind == 1 or self.everywhere or self._has(start, (height - 1) * pitch + width)
        assert self._has(end, (height - 1) * to[6] + width)
        for row in range(height):
            ctypes.memmove(end + row * to[6], start + row * pitch, width)
        return self._idle()

    def _graphicsglregisterbuffer(self, resource, buffer, flags):
        assert flags == 2
        resource[0] = 0xB0 + len(self.buffers)
        self.buffers[resource[0]] = buffer

    def _graphicsunregisterresource(self, resource):
        assert resource not in self.mapped
        del self.buffers[resource]

    def _graphicsmapresources(self, count, resources, stream):
        assert count == 1 and not stream and resources[0] not in self.mapped
        nbytes = 4 * tiles.SIZE * tiles.SIZE
        self.mapped[resources[0]] = ctypes.create_string_buffer(b"\xbb" * nbytes, nbytes)

    def _graphicsunmapresources(self, count, resources, stream):
        assert count == 1 and not stream
        held = self.mapped.pop(resources[0])
        self.ctx.external_buffer(self.buffers[resources[0]], len(held)).write(held.raw)

    def _graphicsresourcegetmappedpointer(self, address, nbytes, resource):
        if resource not in self.mapped:
            return NOT_MAPPED
        held = self.mapped[resource]
        address[0], nbytes[0] = ctypes.addressof(held), len(held) - self.missing


def stand_in(monkeypatch, ctx=None):
    """The FakeCuda that is loaded in the driver's place from now on."""
    made, load = FakeCuda(ctx), ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more, **how: (
        made if name == cuda.LIBRARY else load(name, *more, **how)))
    return made
