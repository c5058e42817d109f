"""Plot or save features of recordings: spectrogram, MFCC and more."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, say, show, step
from audio_ft.cli.inputs import recordings_below
from audio_ft.cli.options import FLAG
from audio_ft.errors import AudioError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STAGE = "data"
EPILOG = """examples:
  audio-ft show door.wav
  audio-ft show door.wav --feature mfcc mfcc_delta chroma --output door.svg
  audio-ft show recordings --output pictures
  audio-ft show recordings --feature mfcc gfcc --save features.parquet
  audio-ft show --list

A figure shows waveform, spectrogram and mel spectrogram unless features are named; `--feature all` takes every one."""
_MOST_LISTED = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `show`."""
    parser.add_argument("source", metavar="FILE|FOLDER", nargs="?", help="a recording, or a folder of them")
    parser.add_argument(
        "--feature", metavar="NAME", nargs="+", action="extend", default=[], help="what to show; --list names them"
    )
    figure = "figure to write, .png or .svg (default: FILE.png here); for a folder, a folder"
    parser.add_argument("--output", metavar="OUT", help=figure)
    arrays = "write the arrays instead: .npz, .parquet, or for a folder a folder of .npz"
    parser.add_argument("--save", metavar="OUT", help=arrays)
    parser.add_argument("--log-frequency", **FLAG, help="a logarithmic frequency axis in the spectrogram")
    parser.add_argument("--dark", **FLAG, help="plot on a dark background")
    parser.add_argument("--list", **FLAG, help="list the features: what each is, its shape and unit")


def run(arguments: argparse.Namespace) -> int:
    """Plot or save as the arguments say; the exit code is 1 when no recording of a folder can be read."""
    from audio_ft.audio.features.registry import FEATURES, feature_table
    from audio_ft.plots.audio import DEFAULT_FEATURES

    if arguments.list:
        show(*feature_table())
        return DONE
    if arguments.source is None:
        raise InputError("expected a recording or a folder before --feature: audio-ft show FILE --feature NAME …")
    if arguments.output and arguments.save:
        raise InputError("--output writes figures and --save arrays; give one of them.")
    source, names = Path(arguments.source).expanduser(), _chosen(arguments.feature)
    if arguments.save:
        # The waveform is the recording itself.
        names = names or tuple(name for name in FEATURES if name != "waveform")
        return _save(source, names, Path(arguments.save).expanduser())
    look = {"log_frequency": arguments.log_frequency, "dark": arguments.dark}
    drawing = partial(draw, names=names or DEFAULT_FEATURES, **look)
    output = Path(arguments.output).expanduser() if arguments.output else None
    return (_draw_folder if source.is_dir() else _draw_file)(source, drawing, output)


def _chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Return the features asked for, each once."""
    from audio_ft.audio.features.registry import FEATURES, get_feature

    if names == ["all"]:
        return tuple(FEATURES)
    for name in names:
        if Path(name).expanduser().exists():
            raise InputError(
                f"{name} comes after --feature, but recordings come first: audio-ft show {name} --feature …"
            )
        get_feature(name)
    return tuple(dict.fromkeys(names))


def draw(path: str, target: Path, *, names: Sequence[str], log_frequency: bool, dark: bool) -> None:
    """Draw one recording into a file.

    Raises:
        AudioError: it cannot be read.
        InputError: the file cannot be written.
    """
    from audio_ft.audio.clip import read
    from audio_ft.plots import DARK, LIGHT, features, write

    theme = DARK if dark else LIGHT
    write(features(read(path), names, title=Path(path).name, log_frequency=log_frequency, theme=theme), target)


def _draw_file(source: Path, drawing: Callable[[str, Path], None], output: Path | None) -> int:
    step(f"drawing {source.name}")
    target = output or Path(f"{source.name}.png")
    if target.is_dir():
        target = target / f"{source.name}.png"
    drawing(str(source), target)
    show(f"written: {target}")
    return DONE


def _draw_folder(source: Path, drawing: Callable[[str, Path], None], target: Path | None) -> int:
    """Draw each recording of a folder into another with the same sub-folders."""
    from audio_ft.audio.output_paths import check_no_overlap, output_names
    from audio_ft.parallel import KILLED, parallel_map

    if target is None:
        raise InputError(f"{source} is a folder: add --output FOLDER (figures) or --save FOLDER (arrays).")
    if target.is_file() or target.suffix.lower() in (".png", ".svg"):
        raise InputError(f"{target} is one file and {source} a folder of recordings; give a folder.")
    check_no_overlap(source, target)
    names = output_names(recordings_below(source).below())
    jobs = [(str(source / key), target / f"{name}.png") for key, name in names.items()]
    attempt = partial(_attempt, drawing)
    reasons = list(parallel_map(attempt, jobs, len(jobs), describe="drawing", died=lambda job: KILLED))
    excluded = [(key, reason) for key, reason in zip(names, reasons, strict=True) if reason]
    return _summary(len(jobs) - len(excluded), excluded, f"figures in {target}")


def _attempt(drawing: Callable[[str, Path], None], job: tuple[str, Path]) -> str | None:
    """Draw one recording, in whatever process, or return why it cannot be read."""
    try:
        drawing(*job)
    except AudioError as error:
        return error.reason
    return None


def _save(source: Path, names: Sequence[str], target: Path) -> int:
    """Write the arrays of a recording or of a folder."""
    from audio_ft.audio.features.export import TABLE_SUFFIX, clip_arrays, read_whole, save_features, write_arrays
    from audio_ft.audio.output_paths import check_no_overlap

    suffix = target.suffix.lower()
    if not source.is_dir() and suffix == ".npz":
        write_arrays(clip_arrays(read_whole(str(source)), names), target)
        return _summary(1, (), f"recording in {target}")
    if suffix == ".npz":
        raise InputError(f"{target} holds one recording; for a folder give a folder, or a name ending in .parquet.")
    if target.is_file() and suffix != TABLE_SUFFIX:
        raise InputError(f"{target} is a file; give a folder, or a name ending in {TABLE_SUFFIX}.")
    paths = {source.name: str(source)}
    if source.is_dir():
        if suffix != TABLE_SUFFIX:
            check_no_overlap(source, target)
        paths = {key: str(source / key) for key in recordings_below(source).below()}
    saved = save_features(paths, names, target)
    return _summary(saved.written, saved.unreadable, f"recordings with {len(names)} features each in {target}")


def _summary(written: int, excluded: Sequence[tuple[str, str]], what: str) -> int:
    """Say what was written and what was excluded, and return the exit code."""
    for key, reason in excluded[:_MOST_LISTED]:
        say(f"excluded: {key}: {reason}")
    if len(excluded) > _MOST_LISTED:
        say(f"excluded: {len(excluded) - _MOST_LISTED:,} more")
    show(f"written: {written:,} {what}")
    return DONE if written else FAILED
