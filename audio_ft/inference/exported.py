"""Exported networks, loaded back: raw samples in, computed by other runtimes, with task and cleaning of their model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.file_io import read_versioned
from audio_ft.inference.converted import EXPORT_FILE
from audio_ft.models.base import Adapter, Count, Features
from audio_ft.tasks.base import Inputs, Task, Tensor
from audio_ft.tasks.transcription import Transcribed, Waves
from audio_ft.tasks.whisper import Seq2Seq
from audio_ft.tasks.whisper_decoding import LOOP, compression


class RawSamples(Adapter):
    """Pass raw samples on to a network that begins with the front end of another adapter, `of`."""

    def __init__(self, of: Adapter) -> None:
        self.of = of
        super().__init__(of.config, of.extractor, of.window)

    @property
    def name(self) -> str:
        """Return what messages call the architecture."""
        return self.of.name

    @property
    def longest_window(self) -> float:
        """Return the longest window in seconds."""
        return self.of.longest_window

    @property
    def shortest(self) -> int:
        """Return the fewest samples; the network itself pads shorter clips."""
        return self.of.shortest

    @property
    def frame_seconds(self) -> float:
        """Return the time from one frame to the next, in seconds."""
        return self.of.frame_seconds

    def with_window(self, seconds: float) -> Adapter:
        """Return the adapter with a window that covers `seconds`."""
        return RawSamples(self.of.with_window(seconds))

    def frames(self, samples: Count) -> Count:
        """Return how many frames clips of so many samples have."""
        return self.of.frames(samples)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return how many frames each clip of a batch has."""
        return self.frames(inputs["lengths"].clamp(min=self.shortest))

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return the samples (time,) themselves."""
        return {"samples": samples}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Return samples (batch, time) with zeros behind the shorter clips, and the length of each."""
        waves = [torch.tensor(np.asarray(feature["samples"], np.float32)) for feature in features]
        samples = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
        return {"samples": samples, "lengths": torch.tensor([len(wave) for wave in waves])}


class OnnxNetwork(torch.nn.Module):
    """Compute with onnxruntime, each clip by itself, so that no padding is in its input."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.session, self.name_or_path = opened(file, torch.get_num_threads()), str(file)
        self.device = torch.device("cpu")

    def forward(self, samples: Tensor, lengths: Tensor) -> Any:
        """Return `logits` (batch, …) of samples (batch, time), of which the first `lengths` are real."""
        return SimpleNamespace(logits=self.outputs("logits", samples, lengths))

    def outputs(self, name: str, samples: Tensor, lengths: Tensor, padding: int = 0) -> Tensor:
        """Return one of its outputs for a batch, the shorter ones padded."""
        rows = [
            torch.from_numpy(self.session.run([name], {"samples": row[None, :length].numpy()})[0][0])
            for row, length in zip(samples, lengths.tolist(), strict=True)
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)


class ProgramNetwork(torch.nn.Module):
    """Compute with ExecuTorch, each clip by itself, with zeros behind those of fewer than `shortest` samples.

    Raises:
        InputError: executorch is not installed, or the file is damaged.
    """

    def __init__(self, file: Path, shortest: int) -> None:
        super().__init__()
        try:
            from executorch.runtime import Runtime
        except ImportError as error:
            raise InputError(f"This model needs ExecuTorch ({error}): pip install 'audio-ft[executorch]'.") from error
        # Its errors have no class of their own.
        try:
            self.program = Runtime.get().load_program(file)
            self.method = self.program.load_method("forward")
        except RuntimeError as error:
            raise InputError(f"{file} cannot be loaded by ExecuTorch ({error}); export it again.") from error
        self.shortest, self.name_or_path, self.device = shortest, str(file), torch.device("cpu")

    def forward(self, samples: Tensor, lengths: Tensor) -> Any:
        """Return `logits` (batch, …) of samples (batch, time), of which the first `lengths` are real."""
        rows = []
        for row, length in zip(samples, lengths.tolist(), strict=True):
            clip = torch.nn.functional.pad(row[:length], (0, max(0, self.shortest - length)))
            # The runtime writes each output into the same memory.
            rows.append(self.method.execute([clip[None].contiguous()])[1][0].clone())
        return SimpleNamespace(logits=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True))


@dataclass(frozen=True)
class ExportedSeq2Seq(Seq2Seq):
    """Transcribe with a network whose greedy search is part of it."""

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return generated token ids int64 (batch, tokens)."""
        return cast("Tensor", model.outputs("tokens", **inputs, padding=self.tokenizer.eos_token_id))

    def transcribe(self, model: Any, adapter: Adapter, waves: Waves, *, words: bool = False) -> list[Transcribed]:
        """Return the transcripts, "" for a text that loops.

        Raises:
            InputError: the times of words are asked for, which need the decoder's attention.
        """
        if words:
            raise InputError("An exported Whisper gives no times of words; use the run that it was exported from.")
        inputs = adapter.collate([adapter.extract(wave) for wave in waves])
        texts = [self.decode(tokens.tolist()) for tokens in self.predict_step(model, adapter, inputs)]
        return [Transcribed("" if compression(text) > LOOP else text) for text in texts]


def with_exported(folder: Path, adapter: Adapter, task: Task, kind: str) -> tuple[Any, Adapter, Task]:
    """Return the network of an exported folder, of the `kind` float32, int8 or int8-static, with adapter and task.

    Raises:
        InputError: the folder has no network of this kind, or the package that computes it is not installed.
    """
    facts = read_versioned(folder / EXPORT_FILE)
    files: Mapping[str, str] = facts.get("files", {})
    if kind not in files or not (folder / Path(files[kind]).name).is_file():
        raise InputError(f"{folder} has no network of the kind {kind!r}; it has {', '.join(files) or 'none'}.")
    if isinstance(task, Seq2Seq):
        task = ExportedSeq2Seq(**{field.name: getattr(task, field.name) for field in fields(task)})
    file = folder / Path(files[kind]).name
    if facts["exported_as"] == "executorch":
        return ProgramNetwork(file, int(facts["shortest_samples"])), RawSamples(adapter), task
    return OnnxNetwork(file), RawSamples(adapter), task


def opened(file: Path, threads: int) -> Any:
    """Return a session of onnxruntime on the processor.

    Raises:
        InputError: onnxruntime is not installed, or the file is damaged.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"Exported models need onnxruntime ({error}): pip install 'audio-ft[export]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Only errors: what it says of its own optimizations is not about the model.
    options.log_severity_level = 3
    # Of any class: its own exceptions have no common base.
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"{file} cannot be loaded by onnxruntime ({error}); export it again.") from error
