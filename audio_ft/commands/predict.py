"""`audio-ft predict`: a model's answers about recordings, with the cleaning it was trained on."""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from audio_ft.console import DONE, WRONG, say
from audio_ft.errors import AudioError, InputError

# Answers of the table unless --top-k says otherwise; JSON holds them all.
TABLE_ANSWERS = 3
EPILOG = """examples:
  audio-ft predict runs/first door.wav
  audio-ft predict runs/first recordings 'more/**/*.mp3' --json --output answers.jsonl

Folders are searched with all their sub-folders. A file that cannot be read does not stop the others: its error stands
in its place, and the exit code is 2 only when not one file could be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    parser.epilog = EPILOG
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a run's folder, a model's folder or an id on the Hub")
    parser.add_argument(
        "files", metavar="FILES", nargs="+", help="recordings, folders or patterns such as 'day*/*.wav'"
    )
    parser.add_argument(
        "--json", action="store_true", help='one JSON object a line: {"file", "labels"}, or {"file", "error"}'
    )
    parser.add_argument("--top-k", metavar="N", type=_positive, help="only the N likeliest labels")
    parser.add_argument("--output", metavar="FILE", help="write there instead of on the screen (*.jsonl: as JSON)")


def run(arguments: argparse.Namespace) -> int:
    """Answer about all files and return the exit code."""
    files = found(arguments.files)
    as_json = arguments.json or Path(arguments.output or "").suffix in (".jsonl", ".json")
    top_k = arguments.top_k or (None if as_json else TABLE_ANSWERS)
    from audio_ft.predict import load

    model = load(arguments.model)
    width = min(max(len(_printable(file)) for file in files), 60)
    failed = 0
    with _written(arguments.output) as out:
        for file, answer in zip(files, _progress(model.attempts(files, top_k), len(files), out), strict=True):
            failed += isinstance(answer, AudioError)
            line = json_line(file, answer) if as_json else table_line(file, answer, width)
            out.write(line + "\n")
            out.flush()
    if failed:
        say(f"{failed:,} of {len(files):,} files could not be read.")
    return WRONG if failed == len(files) else DONE


def found(patterns: Sequence[str]) -> list[str]:
    """Return the files that paths, folders and patterns lead to, each once, in order; a missing file stays in the list.

    Raises:
        InputError: a folder without recordings, or a pattern that nothing matches.
    """
    from audio_ft.clip import AUDIO_SUFFIXES

    files: dict[str, None] = {}
    for pattern in patterns:
        path = os.path.expanduser(pattern)
        # A name may hold brackets and stars itself: what is there under that very name is not a pattern.
        matches = (
            [path] if os.path.lexists(path) or not glob.has_magic(path) else sorted(glob.glob(path, recursive=True))
        )
        if not matches:
            raise InputError(f"Nothing matches {pattern!r}; give recordings, folders or patterns.")
        for match in matches:
            own = _in_folder(match, AUDIO_SUFFIXES) if os.path.isdir(match) else [match]
            if not own and match == path:
                raise InputError(f"The folder {pattern} holds no recordings (.wav, .flac, .mp3, .m4a, …).")
            files.update(dict.fromkeys(own))
    return list(files)


def json_line(file: str, answer: dict[str, Any] | AudioError) -> str:
    """Return one answer as JSON, in a shape that stays stable."""
    if isinstance(answer, AudioError):
        return json.dumps({"file": _printable(file), "error": answer.reason}, ensure_ascii=False)
    return json.dumps({"file": _printable(file), "labels": answer}, ensure_ascii=False)


def table_line(file: str, answer: dict[str, Any] | AudioError, width: int) -> str:
    """Return one answer as a line of the table."""
    if isinstance(answer, AudioError):
        said = f"cannot be read: {answer.reason}"
    else:
        said = "  ".join(f"{label} {value:.3f}" for label, value in answer.items())
    return f"{_printable(file):<{width}}  {said}"


def _in_folder(folder: str, suffixes: frozenset[str]) -> list[str]:
    paths = (os.path.join(here, name) for here, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if os.path.splitext(path)[1].lower() in suffixes)


def _printable(file: str) -> str:
    from audio_ft.codec.source import printable

    return printable(file)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _progress(answers: Iterator[Any], total: int, out: TextIO) -> Iterator[Any]:
    from tqdm.auto import tqdm

    # On a terminal the answers themselves are the progress.
    return iter(tqdm(answers, total=total, unit="file", desc="predicting", delay=2, leave=False, disable=out.isatty()))


@contextmanager
def _written(output: str | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that appears whole once all is written."""
    if output is None:
        yield sys.stdout
        return
    partial = Path(output).with_name(f".{Path(output).name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as stream:
            yield stream
        os.replace(partial, output)
    except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError) as error:
        raise InputError(
            f"--output {output} cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
