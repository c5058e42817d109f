"""Export a model for ONNX, CTranslate2 or ExecuTorch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import columns, say, show_result
from audio_ft.cli.inputs import labeled, run_of
from audio_ft.cli.options import DATA_SETTINGS, REPEATABLE, add_data_options, add_options, require_task
from audio_ft.errors import InputError
from audio_ft.formatting import format_duration, format_size

if TYPE_CHECKING:
    from audio_ft.exporting.check import Checked, Row
    from audio_ft.inference.predictor import Model

STAGE = "share"
# Not `exporting.export.FORMATS`, with which --help would wait for numpy.
FORMATS, KINDS = ("onnx", "ctranslate2", "executorch"), ("int8", "int8-static")
EPILOG = """examples:
  audio-ft export runs/first
  audio-ft export runs/first --quantize int8 --check recordings
  audio-ft export runs/first --quantize int8 --quantize int8-static --check recordings --output-dir phone

The network takes raw samples and gives probabilities or tokens; README.md in the folder shows how in ten lines. --check
scores the model and each file on DATA and compares them clip by clip. int8-static is calibrated on the validation split
of DATA, or else of the training. It needs onnx, onnxscript and onnxruntime: pip install 'audio-ft[export]'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    add_options(parser, "model")
    parser.add_argument("--format", default="onnx", choices=FORMATS, help="default: onnx; "
                        "ctranslate2 is for Whisper models that transcribe, as faster-whisper reads them; executorch "
                        "for phones and boards")  # fmt: skip
    eight = "write the network in 8 bits too, int8-static with calibrated activations; repeatable"
    parser.add_argument("--quantize", choices=KINDS, **REPEATABLE, help=eight)
    parser.add_argument("--check", metavar="DATA", dest="data", help="labeled data: what each form costs and scores")
    parser.add_argument("--output-dir", metavar="FOLDER", help="default: the format's name, in the run's folder")
    add_options(parser, "--split", "--code")
    add_data_options(parser, set=DATA_SETTINGS, task="the model's, which it has to be")
    add_options(parser, "--json", json="folder, files and the table")


def run(arguments: argparse.Namespace) -> None:
    """Export the model, and check it if that was asked for."""
    from audio_ft.exporting.check import check, clean_waves
    from audio_ft.exporting.export import CALIBRATED, STATIC, export
    from audio_ft.hub.load import load

    model = load(arguments.model, device="cpu")
    require_task(arguments, model)
    folder, kinds = _folder(arguments, model), list(dict.fromkeys(arguments.quantize))
    checks = arguments.data is not None
    data, need = _data(arguments, model) if checks or STATIC in kinds else (None, ())
    waves = clean_waves(model, data, "validation", need, CALIBRATED) if data and STATIC in kinds else ()
    exported = export(model, folder, arguments.format, quantize=kinds, waves=waves, log=say)
    content: dict[str, Any] = {
        "folder": str(folder),
        "files": {name: str(file) for name, file in exported.files.items()},
    }
    lines = [f"exported    {folder}"]
    if data and checks:
        checked = check(model, arguments.model, exported, data, arguments.split, need, say)
        content |= {**vars(checked), "rows": [row.to_dict() for row in checked.rows]}
        lines += ["", *as_text(checked)]
    show_result(arguments, content, lines)


def as_text(checked: Checked) -> list[str]:
    """Return the table as lines of text, and each comparison as a sentence."""
    rows = [("", "size", "latency", "memory", checked.metric, "distinguishable")]
    rows += [
        (row.name, format_size(row.size), _time(row.median), _size(row.memory), str(row.score), _verdict(row))
        for row in checked.rows
    ]
    threads = f"{checked.threads} thread{'s' * (checked.threads != 1)}"
    return [
        *columns(rows),
        f"{checked.n:,} clips of the {checked.split} split, 95 % intervals; latency: one clip of "
        f"{format_duration(checked.seconds)} on average, without decoding and cleaning, {threads}; memory: peak of a "
        "process that only loads the network and computes",
        "",
        *(row.compared.describe("the run", row.name) for row in checked.rows if row.compared),
    ]


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else format_duration(seconds)


def _size(size: int | None) -> str:
    return "–" if size is None else format_size(size)


def _verdict(row: Row) -> str:
    """Return whether a form is distinguishable from the run."""
    if row.compared is None:
        return ""
    return "no" if row.compared.verdict == "not distinguishable" else f"yes, {row.compared.verdict}"


def _folder(arguments: argparse.Namespace, model: Model) -> Path:
    """Return the folder to write into.

    Raises:
        InputError: the model is not that of a run, and no folder was given.
    """
    if arguments.output_dir is not None:
        return Path(arguments.output_dir).expanduser()
    if (found := run_of(model)) is None:
        raise InputError(f"{arguments.model} is not a run, so say where to write: --output-dir FOLDER.")
    return found.folder / str(arguments.format)


def _data(arguments: argparse.Namespace, model: Model) -> tuple[Any, Sequence[str]]:
    """Return the data to check and calibrate on: --check, or that of the training."""
    if arguments.data is None:
        found = run_of(model)
        if found is None:
            raise InputError("int8-static is calibrated on recordings; give them with --check DATA.")
        arguments = argparse.Namespace(**vars(arguments) | {"data": found.recipe.data.path})
    return labeled(arguments, model.folder)
