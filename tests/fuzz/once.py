"""One target under libFuzzer: `python -m fuzz.once TARGET FOLDER SECONDS`."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["glview.files", "glview.models", "glview.recovering"]):
    from fuzz.seeds import WORDS, seeds
    from fuzz.targets import TARGETS

MEMORY = 1024  # MB that the process may take
PATIENCE = 20  # seconds for one input


def main():
    """Never returns: libFuzzer ends the process, with 0 if nothing was found."""
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    corpus, work = folder / "corpus", folder / "work"
    for place in (corpus, work):
        place.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(name, work)):
        (corpus / f"seed{number}").write_bytes(data)
    words = folder / "words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS))
    target = TARGETS[name]
    options = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-timeout={PATIENCE}",
               f"-dict={words}", f"-artifact_prefix={folder}/", "-max_len=20000",
               "-print_final_stats=1", str(corpus)]
    atheris.Setup([sys.argv[0], *options], lambda data: target(data, work))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
