"""Export a model: a folder with the network, how it is used, and an example that runs without this package."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.exporting.readme import readme
from audio_ft.file_io import FORMAT, replacing, write_json, write_text
from audio_ft.hub.bundle import model_files
from audio_ft.inference.converted import EXPORT_FILE
from audio_ft.run import MODEL_FOLDER, RUN_FILE, Run
from audio_ft.tasks import CTC
from audio_ft.tasks.whisper import Seq2Seq

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audio_ft.inference.predictor import Model

logger = logging.getLogger(__name__)

FORMATS = ("onnx", "ctranslate2", "executorch")
FLOAT32, STATIC = "float32", "int8-static"
# Recordings that the ranges of activations are calibrated on.
CALIBRATED = 64
_WEIGHTS = (".safetensors", ".bin", ".skops", ".pt", ".h5", ".msgpack", ".onnx")


@dataclass(frozen=True)
class Exported:
    """Name the folder of an exported model, its format, and its files by kind: float32, int8, int8-static."""

    folder: Path
    format: str
    files: Mapping[str, Path]


def export(
    model: Model,
    folder: Path,
    format: str = "onnx",
    *,
    quantize: Sequence[str] = (),
    waves: Sequence[NDArray[np.float32]] = (),
    log: Callable[[str], None] = logger.info,
) -> Exported:
    """Write a model into a new folder, whole or not at all, in float32 and once more for each kind in `quantize`.

    As ONNX the network takes raw samples (batch, time) at the rate of its model, clips of one length, which are cleaned
    as its chain says; `quantize` holds int8 (weights in 8 bits) and int8-static (activations too, calibrated on
    `waves`, clean recordings (time,)). Other formats are ctranslate2, for Whisper models that transcribe, and
    executorch, for clips one by one, in float32.

    Raises:
        InputError: the task or architecture cannot be exported so, the folder holds something else, or a package is
            missing.
        AudioFTError: torch's exporter fails, or what it wrote computes something else.
    """
    if format not in FORMATS:
        raise InputError(f"format={format!r} is not known; use one of {', '.join(FORMATS)}.")
    if STATIC in quantize and (format != "onnx" or isinstance(model.task, Seq2Seq)):
        raise InputError("int8-static calibrates a network without a search; for this one use int8.")
    if format == "executorch" and isinstance(model.task, Seq2Seq):
        raise InputError(
            "Networks for ExecuTorch have no search; export a Whisper that transcribes as onnx or ctranslate2."
        )
    if quantize and format == "executorch":
        raise InputError("Networks for ExecuTorch are written in float32; for 8 bits use format onnx.")
    if STATIC in quantize and not waves:
        raise InputError("int8-static needs recordings to calibrate on.")
    require_free(folder)
    kinds = (FLOAT32, *quantize)
    with replacing(folder, make_parents=True) as unfinished:
        log(f"exporting   {model.adapter.name} to {format}, {', '.join(kinds)}")
        if format == "onnx":
            files = _write_onnx(model, unfinished, kinds, waves)
        elif format == "executorch":
            files = _write_executorch(model, unfinished)
        else:
            from audio_ft.exporting.ctranslate2 import write_ctranslate2

            files = write_ctranslate2(model, unfinished, kinds)
            write_json(unfinished / EXPORT_FILE, {"format": FORMAT, "exported_as": format, "files": files})
    return Exported(folder, format, {kind: folder / name for kind, name in files.items()})


def _write_onnx(
    model: Model, folder: Path, kinds: Sequence[str], waves: Sequence[NDArray[np.float32]]
) -> dict[str, str]:
    """Write the files of an ONNX export, and return those of the network by kind."""
    from audio_ft.exporting.graph import require_packages, write_graph
    from audio_ft.exporting.quantize import write_int8, write_int8_static
    from audio_ft.exporting.whisper import write_whisper

    require_packages()
    names = {kind: "model.onnx" if kind == FLOAT32 else f"model.{kind}.onnx" for kind in kinds}
    _copy_settings(model, folder)
    if isinstance(model.task, Seq2Seq):
        write_whisper(model, folder / names[FLOAT32], [(folder / names[kind], write_int8) for kind in kinds[1:]])
    else:
        write_graph(model, folder / names[FLOAT32])
        for kind in kinds[1:]:
            if kind == STATIC:
                write_int8_static(folder / names[FLOAT32], folder / names[kind], waves[:CALIBRATED])
            else:
                write_int8(folder / names[FLOAT32], folder / names[kind])
    facts = facts_of(model, names, folder)
    write_json(folder / EXPORT_FILE, facts)
    write_text(folder / "README.md", readme(facts))
    return names


def _write_executorch(model: Model, folder: Path) -> dict[str, str]:
    """Write the files of an export for ExecuTorch, and return that of the network by kind."""
    from audio_ft.exporting.program import program_readme, require_executorch, write_program

    require_executorch()
    names = {FLOAT32: "model.pte"}
    _copy_settings(model, folder)
    facts = _facts(model, names, "executorch", ("torch", "executorch")) | write_program(model, folder / names[FLOAT32])
    write_json(folder / EXPORT_FILE, facts)
    write_text(folder / "README.md", program_readme(facts))
    return names


def require_free(folder: Path) -> None:
    """Raise `InputError` if a folder holds something else than an export, which is replaced."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / EXPORT_FILE).is_file():
        raise InputError(f"{folder} is not empty and holds no export; give another --output-dir.")


def facts_of(model: Model, files: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return what export.json says of ONNX files: how the network is used."""
    from audio_ft.inference.exported import opened

    session = opened(folder / files[FLOAT32], 1)
    return _facts(model, files, "onnx", ("torch", "onnx", "onnxruntime")) | {
        "inputs": {found.name: found.shape for found in session.get_inputs()},
        "outputs": {found.name: _named(found.shape) for found in session.get_outputs()},
    }


def _facts(model: Model, files: Mapping[str, str], format: str, packages: Sequence[str]) -> dict[str, Any]:
    """Return what export.json says in any format, apart from inputs and outputs."""
    from importlib.metadata import version

    target, adapter, task = model.task.target, model.adapter, model.task
    facts: dict[str, Any] = {
        "format": FORMAT,
        "exported_as": format,
        "files": dict(files),
        "task": task.name,
        "network": adapter.name,
        "sample_rate": adapter.sample_rate,
        "longest_seconds": adapter.window,
        "labels": list(target.names),
        "chain": model.chain.to_list(),
        "versions": {name: version(name) for name in packages},
    }
    if isinstance(task, CTC):
        facts |= {"tokens": list(task.tokens), "blank": task.tokenizer.pad_token_id,
                  "delimiter": task.tokenizer.word_delimiter_token}  # fmt: skip
    if not isinstance(task, Seq2Seq) and task.head != "classification":
        facts["frame_seconds"] = adapter.frame_seconds
    return facts


def _named(shape: Sequence[Any]) -> list[Any]:
    """Return the shape of an output; what follows from the number of samples is called frames."""
    return [size if isinstance(size, int) or size in ("batch", "steps") else "frames" for size in shape]


def _copy_settings(model: Model, folder: Path) -> None:
    """Copy the files of a model except its weights; those of a run as they are published, without local paths."""
    folder.mkdir()
    run = model.folder.parent
    contents: Mapping[str, Path | bytes]
    if model.folder.name == MODEL_FOLDER and (run / RUN_FILE).is_file():
        contents = model_files(Run.load(run))
    else:
        contents = {file.name: file for file in model.folder.iterdir() if file.is_file()}
    for path, content in contents.items():
        if "/" in path or Path(path).suffix in _WEIGHTS or path == "README.md" or path.startswith("."):
            continue
        if isinstance(content, Path):
            shutil.copyfile(content, folder / path)
        else:
            (folder / path).write_bytes(content)
