"""Fuzz one door in this process: `python tests/fuzz/fuzz_one.py DOOR CORPUS [options of libFuzzer]`."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

import atheris

with atheris.instrument_imports(include=["audio_ft"]):
    import doors


def main() -> None:
    """Write the seeds, then fuzz."""
    name, corpus, *options = sys.argv[1:]
    for seed in doors.seeds(name):
        (Path(corpus) / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = Path(corpus).parent / "words"
    words.write_text("".join(f'"{word}"\n' for word in sorted(doors.words())))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    atheris.Setup([sys.argv[0], corpus, f"-dict={words}", *options], doors.DOORS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
