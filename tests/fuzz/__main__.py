"""`python -m fuzz`: every target for its share of the time; what broke one stays in a folder."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.targets import TARGETS

STATISTICS = ("number_of_executed_units", "average_exec_per_sec", "peak_rss_mb",
              "slowest_unit_time_sec")


def main():
    """Run the targets one after the other; the exit code is 1 if one of them broke."""
    made = argparse.ArgumentParser(prog="fuzz", description="hostile bytes by the million")
    made.add_argument("targets", nargs="*", default=sorted(TARGETS), metavar="TARGET",
                      help=", ".join(sorted(TARGETS)))
    made.add_argument("--seconds", type=int, default=600, help="for all targets together (600)")
    made.add_argument("--keep", type=Path, metavar="DIR", help="the inputs found so far, for the "
                      "next run; and what broke a target (a folder in the system's own for such)")
    options = made.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        made.error(f"there is no target {', '.join(unknown)}")
    keep = options.keep or Path(tempfile.mkdtemp(prefix="glview-fuzz-"))
    seconds = max(1, options.seconds // len(options.targets))
    return max([_run(name, keep / name, seconds) for name in options.targets], default=0)


def _run(name, folder, seconds):
    """1 if the target broke, 0 if not."""
    command = [sys.executable, "-m", "fuzz.once", name, str(folder), str(seconds)]
    print(f"{name}: {seconds} s", flush=True)
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors="replace")
    found = dict(re.findall(r"stat::(\w+):\s+(\d+)", ended.stdout))
    print("  " + ", ".join(f"{key.replace('_', ' ')} {found.get(key, '?')}" for key in STATISTICS))
    if ended.returncode:
        print("\n".join(ended.stdout.splitlines()[-40:]))
        print(f"{name} broke; the input is in {folder}")
    return int(ended.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
