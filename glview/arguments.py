"""What the commands' arguments are made of: values told in words, and what does not go together."""

import argparse
import os

DQ = ("hst", "wfc3", "jwst", "banzai", "decam", "lsst", "plain")
METHODS = ("auto", "append", "copy", "beside")
BITS = 1, 23  # of a confidence that is rounded, from and to
EVERY_BIT = 0


class UsageError(Exception):
    """The command line asks for something that does not go together."""


def share(text):
    """A number from 0 to 1; raises ValueError."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def count(text):
    """A whole number from 1; raises ValueError."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def named(convert, words):
    """`convert` with an error that says in words what it wants."""

    def converted(text):
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no {words}") from error

    return converted


def add_precision(add, names):
    """The option --precision NAME; the first of the names is the default."""
    add("--precision", choices=names, default=names[0], metavar="NAME",
        help=f"of the networks' sums: {names[0]} (default), {' or '.join(names[1:])}; on a "
             "processor with instructions for it bfloat16 takes about 0.65 of the time, and up to "
             "0.9 %% of the masked pixels are others (1.3 %% of decam's and WFC3-UVIS's); float16 "
             "changes 0.1 %% and is for graphics cards: a processor takes ten times as long")


def add_json(add, what):
    """The option --json [FILE]; the value is None without it, "-" for standard output."""
    add("--json", nargs="?", const="-", metavar="FILE",
        type=named(_json_file, "file name that ends in .json or .jsonl"),
        help=f"write {what} to FILE (.json or .jsonl), or to standard output")


def _json_file(text):
    # `--json frame.fits` would otherwise take the image for the file to write.
    if text != "-" and not text.lower().endswith((".json", ".jsonl")):
        raise ValueError(text)
    return text


def add_dq(add, default="default"):
    """The option --dq; the value is None without it; default: what is said of it."""
    add("--dq", choices=DQ, metavar="NAME",
        help=f"save CR_DQ too: the image's data-quality flags with the mask's bits OR-ed in, as "
             f"they are in {', '.join(DQ[:-1])}; plain: CR_MASK alone ({default})")


def add_saving(add):
    """What the window saves and where: --mask-only, --bits, --method, --dq; None is as before."""
    add("--mask-only", action="store_true", help="save the mask without the model's confidence")
    add("--bits", type=named(_bits, "number from 1 to 23, or 'all'"), metavar="N|all",
        help="save the confidence in multiples of 2**-N: no pixel of the mask changes, and it "
             "takes far less space; all: every bit")
    add("--method", choices=METHODS, metavar="NAME",
        help="how to save: append (at the end of the file, in place), copy (a new version of the "
             "file), beside (a file of its own), or auto, what suits the file")
    add_dq(add, "default, but the window keeps up what was saved before")


def _bits(text):
    bits = EVERY_BIT if text == "all" else int(text)
    if text != "all" and not BITS[0] <= bits <= BITS[1]:
        raise ValueError(text)
    return bits


def parser(name, description, epilog):
    """An ArgumentParser of a subcommand whose epilog keeps its lines."""
    return argparse.ArgumentParser(
        prog=f"glview {name}", description=description, epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter)


def say(line, file):
    """Print a line, whatever characters the terminal knows and even if nobody listens any more."""
    known = getattr(file, "encoding", None) or "utf-8"
    try:
        print(line.encode(known, "replace").decode(known), file=file, flush=True)
    except BrokenPipeError:  # as after `| head`; the work goes on, and so does the exit code
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
