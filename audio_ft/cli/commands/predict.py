"""Predict labels or transcripts of recordings, with the model's own cleaning."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from audio_ft.cli.beam_options import add_beam_arguments, beam_of
from audio_ft.cli.console import DONE, WRONG, say
from audio_ft.cli.options import add_json
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import replacing, write_text

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model
    from audio_ft.targets import Target

# Labels in the table unless --top-k says otherwise; JSON holds them all.
TABLE_LABELS = 3
EPILOG = """examples:
  audio-ft predict runs/first door.wav
  audio-ft predict runs/first recordings 'more/**/*.mp3' --json --output predictions.jsonl
  audio-ft predict runs/speech talk.m4a --format srt --output talk.srt
  audio-ft predict runs/speech talks --format vtt --output-dir subtitles

Folders are searched with all their sub-folders. A file that cannot be read does not stop the others: its error is
printed in its place, and the exit code is 2 only when no file could be read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    parser.epilog = EPILOG
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a run's folder, a model's folder or an id on the Hub")
    parser.add_argument(
        "files", metavar="FILES", nargs="+", help="recordings, folders or patterns such as 'day*/*.wav'"
    )
    add_json(parser, 'an object a line, {"file", "labels"}, {"file", "text", "segments"} or {"file", "error"},')
    parser.add_argument(
        "--format",
        choices=("text", "json", "srt", "vtt"),
        help="default: text, or by the name of --output; srt and vtt are subtitles, for models that transcribe",
    )
    parser.add_argument("--top-k", metavar="N", type=_positive, help="only the N most probable labels")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", metavar="FILE", help="write to this file instead of the screen (*.jsonl: as JSON)")
    target.add_argument("--output-dir", metavar="DIR", help="write one file for each recording, named after it")
    add_beam_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict all files and return the exit code."""
    from audio_ft.inference.output_formats import SUBTITLES

    files = found(arguments.files)
    form = _form(arguments)
    if form in SUBTITLES and len(files) > 1 and arguments.output_dir is None:
        raise InputError(f"Subtitles of {len(files):,} recordings need one file each: name a folder with --output-dir.")
    from audio_ft.hub.load import load

    model = load(arguments.model, beam=beam_of(arguments))
    _refuse_wrong_kind(arguments, model, form)
    target = model.task.target
    top_k = arguments.top_k or (None if form == "json" else TABLE_LABELS)
    predictions = model.attempts(files, top_k, words=form != "text")
    if arguments.output_dir is not None:
        failed = _into_folder(Path(arguments.output_dir), files, predictions, form, target)
    else:
        failed = _into_stream(arguments.output, files, predictions, form, target)
    if failed:
        say(f"{failed:,} of {len(files):,} files could not be read.")
    return WRONG if failed == len(files) else DONE


def _form(arguments: argparse.Namespace) -> str:
    """Return the format that the options ask for."""
    if arguments.json and arguments.format not in (None, "json"):
        raise InputError(f"--json and --format {arguments.format} contradict each other; leave one out.")
    named = {".jsonl": "json", ".json": "json", ".srt": "srt", ".vtt": "vtt"}
    if arguments.json:
        return "json"
    return str(arguments.format or named.get(Path(arguments.output or "").suffix.lower(), "text"))


def _refuse_wrong_kind(arguments: argparse.Namespace, model: Model, form: str) -> None:
    """Refuse an option that does not fit this kind of model.

    Raises:
        InputError: subtitles of a model without transcripts, or --top-k of one without labels.
    """
    from audio_ft.inference.output_formats import SUBTITLES

    target = model.task.target
    short = target.wording.short
    if form in SUBTITLES and not target.timed:
        raise InputError(
            f"Subtitles need transcripts, and {arguments.model} predicts {short}; use --format text or json."
        )
    if arguments.top_k and not target.names:
        raise InputError(f"--top-k is for labels, and {arguments.model} predicts {short}; leave it out.")


def _into_stream(
    output: str | None, files: Sequence[str], predictions: Iterator[Any], form: str, target: Target
) -> int:
    """Write all predictions one after another, and return how many files could not be read."""
    from audio_ft.inference.output_formats import SUBTITLES, content, json_line, table_line

    width = min(max(len(_printable(file)) for file in files), 60)
    failed = 0
    with _written(output) as out:
        for file, prediction in zip(files, _progress(predictions, len(files), out.isatty()), strict=True):
            failed += isinstance(prediction, AudioError)
            if form not in SUBTITLES:
                as_json = form == "json"
                line = json_line(file, prediction, target) if as_json else table_line(file, prediction, width, target)
                out.write(line + "\n")
            elif isinstance(prediction, AudioError):
                say(f"warning: {_printable(file)} cannot be read: {prediction.reason}")
            else:
                out.write(content(file, prediction, form, target))
            out.flush()
    return failed


def _into_folder(folder: Path, files: Sequence[str], predictions: Iterator[Any], form: str, target: Target) -> int:
    """Write one file for each recording, each in one step, and return how many recordings could not be read."""
    from audio_ft.inference.output_formats import SUFFIXES, content

    names = _names(files)
    failed = 0
    for file, prediction in zip(files, _progress(predictions, len(files), False), strict=True):
        if isinstance(prediction, AudioError):
            failed += 1
            say(f"warning: {_printable(file)} cannot be read: {prediction.reason}")
            continue
        place = folder / f"{names[file]}{SUFFIXES[form]}"
        write_text(place, content(file, prediction, form, target), make_parents=True)
    say(f"written: predictions of {len(files) - failed:,} of {len(files):,} files in {folder}")
    return failed


def _names(files: Sequence[str]) -> dict[str, str]:
    """Return for each file the path of its prediction without suffix, relative to the folder that all files share."""
    from audio_ft.audio.output_paths import output_names

    whole = {file: os.path.abspath(file) for file in files}
    shared = os.path.commonpath([os.path.dirname(path) for path in whole.values()])
    keys = {file: os.path.relpath(path, shared) for file, path in whole.items()}
    names = output_names(keys.values())
    return {file: names[key] for file, key in keys.items()}


def found(patterns: Sequence[str]) -> list[str]:
    """Return the files that paths, folders and patterns name, each once, in order; a missing file stays in the list.

    Raises:
        InputError: a folder without recordings, or a pattern that nothing matches.
    """
    from audio_ft.audio.clip import AUDIO_SUFFIXES

    files: dict[str, None] = {}
    for pattern in patterns:
        path = os.path.expanduser(pattern)
        # A name may contain brackets and stars: what exists under that very name is not a pattern.
        matches = (
            [path] if os.path.lexists(path) or not glob.has_magic(path) else sorted(glob.glob(path, recursive=True))
        )
        if not matches:
            raise InputError(f"Nothing matches {pattern!r}; give recordings, folders or patterns.")
        for match in matches:
            own = _in_folder(match, AUDIO_SUFFIXES) if os.path.isdir(match) else [match]
            if not own and match == path:
                raise InputError(f"The folder {pattern} has no recordings (.wav, .flac, .mp3, .m4a, …).")
            files.update(dict.fromkeys(own))
    return list(files)


def _in_folder(folder: str, suffixes: frozenset[str]) -> list[str]:
    paths = (os.path.join(here, name) for here, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if os.path.splitext(path)[1].lower() in suffixes)


def _printable(file: str) -> str:
    from audio_ft.audio.codec.source import printable

    return printable(file)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _progress(predictions: Iterator[Any], total: int, seen: bool) -> Iterator[Any]:
    """Show a bar, unless the predictions themselves appear on a terminal (`seen`)."""
    from tqdm.auto import tqdm

    return iter(tqdm(predictions, total=total, unit="file", desc="predicting", delay=2, leave=False, disable=seen))


@contextmanager
def _written(output: str | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that appears once all of it is written."""
    if output is None:
        yield sys.stdout
        return
    with replacing(Path(output)) as unfinished, unfinished.open("w", encoding="utf-8") as stream:
        yield stream
