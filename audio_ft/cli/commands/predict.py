"""Predict labels, transcripts or events of recordings."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from audio_ft.cli.console import DONE, WRONG, say
from audio_ft.cli.detectors import judge_files
from audio_ft.cli.inputs import recordings_found
from audio_ft.cli.live import above_the_bars
from audio_ft.cli.options import FLAG, add_beam_options, add_options, beam_of, number
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import replacing, write_text
from audio_ft.formatting import escaped
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from audio_ft.targets import Target

# Labels in the table unless --top-k says otherwise; JSON holds them all.
TABLE_LABELS = 3
FORMATS = ("text", "json", "csv", "srt", "vtt", "audacity", "rttm", "textgrid")
ALWAYS = ("text", "json", "csv")
STDIN = "-"
CALLED = {"srt": "Subtitles", "vtt": "Subtitles", "audacity": "Label tracks", "textgrid": "TextGrids", "rttm": "RTTM"}
STAGE = "use"
EPILOG = """examples:
  audio-ft predict runs/first door.wav
  audio-ft predict runs/first recordings 'more/**/*.mp3' --json --output predictions.jsonl
  ffmpeg -i talk.mkv -f wav - | audio-ft predict runs/first - --csv
  audio-ft predict runs/speech talk.m4a --format srt --output talk.srt
  audio-ft predict runs/speech talks --format vtt --output-dir subtitles
  audio-ft predict runs/events days --format audacity --output-dir labels
  audio-ft predict detectors/pump today/*.wav --csv

Folders are searched with all their sub-folders. A file that cannot be read does not stop the others: its error is
printed in its place, and the exit code is 2 only when no file could be read. What is wrong with one that can be read
(silent, truncated, damaged, clipped, too short …) is a warning, and in JSON its "notes"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    add_options(parser, "model")
    files = "recordings, folders, patterns such as 'day*/*.wav', or - for audio on standard input"
    parser.add_argument("files", metavar="FILES", nargs="+", help=files)
    lines = 'an object a line, {"file"} and {"labels"}, {"text", "segments"}, {"events"} or {"error"},'
    add_options(parser, "--json", json=lines)
    parser.add_argument("--csv", **FLAG, help="print a table with a row for each recording, or for each event")
    forms = "default: text, or by the name of --output; all but text and json need transcripts or events, with times"
    parser.add_argument("--format", choices=FORMATS, help=forms)
    count = number(int, lambda labels: labels >= 1, "a whole number of at least 1")
    parser.add_argument("--top-k", metavar="N", type=count, help="only the N most probable labels")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", metavar="FILE", help="write to this file instead of the screen (*.jsonl: as JSON)")
    target.add_argument("--output-dir", metavar="DIR", help="write one file for each recording, named after it")
    add_options(parser, "--language", "--code", "--precision", precision="auto")
    parser.set_defaults(precision="auto")
    backends = "transformers (default), ctranslate2 (a faster Whisper), or of an export onnx:int8, a file of it"
    parser.add_argument("--backend", metavar="NAME", default="transformers", help=backends)
    add_beam_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Predict all files; the exit code is 2 when none can be read."""
    from audio_ft.evaluation.detector_folder import is_detector
    from audio_ft.hub.load import load
    from audio_ft.inference.csv_rows import csv_header
    from audio_ft.inference.output_formats import SHARED

    files, form = recordings_found(arguments.files), _form(arguments)
    if is_detector(arguments.model):
        return judge_files(arguments, files, form)
    if form not in SHARED and len(files) > 1 and arguments.output_dir is None:
        what = f"{CALLED.get(form, form)} of {len(files):,} recordings"
        raise InputError(f"{what} need one file each: name a folder with --output-dir.")
    model = load(
        arguments.model,
        beam=beam_of(arguments),
        language=arguments.language,
        backend=arguments.backend,
        precision=arguments.precision,
    )
    target = model.task.target
    predicts = f"{arguments.model} predicts {target.wording.short}"
    if form not in (*ALWAYS, *target.formats):
        able = ", ".join((*ALWAYS, *target.formats))
        raise InputError(f"{CALLED.get(form, form)} need times, and {predicts}; use one of the formats {able}.")
    if arguments.top_k and not target.ranked:
        raise InputError(f"--top-k is for labels, and {predicts}; leave it out.")
    top_k = arguments.top_k or (TABLE_LABELS if form == "text" else None)
    sources = [sys.stdin.buffer.read() if file == STDIN else file for file in files]
    files = ["stdin" if file == STDIN else file for file in files]
    predictions = model.attempts(sources, top_k, words=form != "text")
    folder = None if arguments.output_dir is None else Path(arguments.output_dir)
    with ExitStack() as stack:
        stream: TextIO = sys.stdout
        if arguments.output is not None:  # the file appears once all of it is written
            unfinished = stack.enter_context(replacing(Path(arguments.output)))
            stream = stack.enter_context(unfinished.open("w", encoding="utf-8"))
        inert = Path(arguments.output or "").suffix.lower() == ".tsv"
        if form == "csv" and folder is None:
            stream.write(csv_header(target))
        failed = _write(files, predictions, form, target, folder, stream, inert=inert)
    if folder:
        say(f"written: predictions of {len(files) - failed:,} of {len(files):,} files in {folder}")
    if failed:
        say(f"{failed:,} of {len(files):,} files could not be read.")
    return WRONG if failed == len(files) else DONE


def _form(arguments: argparse.Namespace) -> str:
    """Return the format that the options ask for."""
    from audio_ft.inference.output_formats import NAMED

    asked = [name for name in ("json", "csv") if getattr(arguments, name)]
    asked += [arguments.format] if arguments.format else []
    if len(set(asked)) > 1:
        raise InputError(f"{' and '.join(asked)} contradict each other as formats; leave one out.")
    if asked:
        return str(asked[0])
    return str(arguments.format or NAMED.get(Path(arguments.output or "").suffix.lower(), "text"))


def _write(
    files: Sequence[str],
    predictions: Iterator[Any],
    form: str,
    target: Target,
    folder: Path | None,
    stream: TextIO,
    *,
    inert: bool,
) -> int:
    """Write a file for each prediction into the folder, if any, or all to the stream; return how many are errors."""
    from audio_ft.inference.output_formats import SUFFIXES, TIMED, file_content, stream_content

    names = _names(files) if folder else {}
    width = min(max(len(escaped(file)) for file in files), 60)
    # On a terminal, the predictions themselves show how far it is; None hides the bar where there is no terminal.
    seen = True if folder is None and stream.isatty() else None
    bar = progress_bar(predictions, total=len(files), unit="file", desc="predicting", disable=seen)
    failed = 0
    for file, prediction in zip(files, bar, strict=True):
        failed += isinstance(prediction, AudioError)
        if notes := getattr(prediction, "notes", ()):
            say(f"warning: {file}: {'; '.join(notes)}")
        if isinstance(prediction, AudioError) and (folder or form in TIMED):
            say(f"warning: {file} cannot be read: {prediction.reason}")
        elif folder:
            content = file_content(file, prediction, form, target)
            write_text(folder / f"{names[file]}{SUFFIXES[form]}", content, make_parents=True)
        else:
            with above_the_bars():
                stream.write(stream_content(file, prediction, form, target, width, inert=inert))
                stream.flush()
    return failed


def _names(files: Sequence[str]) -> dict[str, str]:
    """Return for each file the path of its prediction without suffix, relative to the folder that all files share."""
    from audio_ft.audio.output_paths import output_names

    whole = {file: os.path.abspath(file) for file in files}
    shared = os.path.commonpath([os.path.dirname(path) for path in whole.values()])
    keys = {file: os.path.relpath(path, shared) for file, path in whole.items()}
    names = output_names(keys.values())
    return {file: names[key] for file, key in keys.items()}
