"""What the commands' arguments are made of: values told in words, and what does not go together."""

import argparse
import os


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
