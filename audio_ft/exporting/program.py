"""A network from raw samples to predictions as a program of ExecuTorch, for phones and boards."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audio_ft.errors import AudioFTError, InputError
from audio_ft.exporting.graph import TOLERANCE, answer_of, front_end, quiet_exporter
from audio_ft.inference.exported import ProgramNetwork
from audio_ft.models.checkpoint import first_line
from audio_ft.models.estimator import Estimator

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

Outputs = tuple[torch.Tensor, torch.Tensor]


class Program(torch.nn.Module):
    """Join the front end, the network, and what a task makes of its logits, for one clip that is long enough."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        front: Any = front_end(model.adapter)
        # Sizes that depend on each other, as those of padding do, cannot be part of a program.
        if hasattr(front, "shortest"):
            front.shortest = 0
        self.front, self.network = front, copy.deepcopy(model.network)
        self.answer = answer_of(model.task)[1]

    def forward(self, samples: torch.Tensor) -> Outputs:
        """Return predictions and logits of samples (1, time)."""
        logits = self.network(**self.front(samples)).logits.float()
        return self.answer(logits), logits


def write_program(model: Model, file: Path) -> dict[str, Any]:
    """Write a model as a program for `samples` (1, time), check that it computes what torch does, and describe it.

    Its operators run in XNNPACK where that has them. A clip has at least three frames, and at most those of the window.

    Raises:
        InputError: its task or architecture cannot be exported, or a package is missing.
        AudioFTError: torch or ExecuTorch cannot translate it, or the program computes something else.
    """
    if isinstance(model.network, Estimator):
        raise InputError(f"ExecuTorch runs networks, and {model.adapter.name} is not one; export it as onnx.")
    adapter, network = model.adapter, Program(model).eval()
    longest, shortest = round(adapter.window * adapter.sample_rate), shortest_samples(model)
    time = torch.export.Dim("time", min=shortest, max=longest)
    with quiet_exporter(), torch.no_grad():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

        # Of any class: what the exporters cannot translate shows in many ways.
        try:
            graph = torch.export.export(
                network, (torch.zeros(1, longest),), dynamic_shapes={"samples": {1: time}},
                prefer_deferred_runtime_asserts_over_guards=True,
            ).run_decompositions(_decompositions())  # fmt: skip
            # The check knows no sizes that are computed from others, which the runtime computes.
            edge = to_edge_transform_and_lower(
                graph,
                partitioner=[XnnpackPartitioner()],
                compile_config=EdgeCompileConfig(_check_ir_validity=False),
            )
            file.write_bytes(edge.to_executorch().buffer)
        except Exception as error:
            raise AudioFTError(f"{adapter.name} cannot be translated for ExecuTorch ({first_line(error)}).") from error
    _check_parity(network, file, (shortest, (shortest + longest) // 2, longest))
    name = answer_of(model.task)[0]
    return {"inputs": {"samples": [1, "time"]}, "outputs": {name: "first", "logits": "second"},
            "shortest_samples": shortest}  # fmt: skip


def require_executorch() -> None:
    """Raise `InputError` unless what exports and runs ExecuTorch's programs is installed."""
    try:
        import executorch.runtime  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Exporting to ExecuTorch needs its package ({error}): pip install 'audio-ft[executorch]'."
        ) from error


def _decompositions() -> Any:
    """Return how operators are taken apart; ExecuTorch has none for variance and mean at once."""
    aten = torch.ops.aten

    def var_mean(
        values: torch.Tensor, dim: Any = None, *, correction: Any = None, keepdim: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        variance = aten.var.correction(values, dim, correction=correction, keepdim=keepdim)
        return variance, aten.mean.dim(values, dim, keepdim)

    table = torch.export.default_decompositions()
    table[aten.var_mean.correction] = var_mean
    table.update(torch._decomp.get_decompositions([aten.native_group_norm]))
    return table


def shortest_samples(model: Model) -> int:
    """Return the fewest samples of a clip: torch's exporter takes a size of one for a constant."""
    return model.adapter.shortest + 2 * round(model.adapter.frame_seconds * model.adapter.sample_rate)


def _check_parity(network: torch.nn.Module, file: Path, lengths: Sequence[int]) -> None:
    """Compare the logits of noise of these lengths."""
    program, rng = ProgramNetwork(file, min(lengths)), np.random.default_rng(0)
    for length in lengths:
        wave = torch.from_numpy(rng.normal(0, 0.1, (1, length)).astype(np.float32))
        with torch.inference_mode():
            ours = network(wave)[1]
        theirs = program(wave, torch.tensor([length])).logits
        furthest = float((ours - theirs).abs().max())
        if not furthest <= TOLERANCE * max(1.0, float(ours.abs().max())):
            raise AudioFTError(
                f"The program computes other logits than torch for a clip of {length:,} samples: they differ by "
                f"{furthest:.3g}. Do not use it; please report this with the model's config.json."
            )


def program_readme(facts: Mapping[str, Any]) -> str:
    """Return the README for what export.json says."""
    return _TEXT.format(
        network=facts["network"],
        task=facts["task"],
        rate=facts["sample_rate"],
        shortest=facts["shortest_samples"],
        longest=facts["longest_seconds"],
        answer=next(iter(facts["outputs"])),
        steps=", ".join(str(step["step"]) for step in facts["chain"]) or "no step",
    )


_TEXT = """\
# {network}, {task}, for ExecuTorch

`model.pte` takes `samples`, float32 (1, time) at {rate:,} Hz, of at least {shortest:,} samples and at most
{longest:g} s, and computes its features itself. Its outputs are {answer} and logits. Recordings are cleaned before, as
`chain` in `export.json` says: {steps}.

```python
import json, soundfile, torch
from executorch.runtime import Runtime

facts = json.load(open("export.json"))
samples, rate = soundfile.read("recording.wav", dtype="float32", always_2d=True)
assert rate == facts["sample_rate"], "resample it first"
network = Runtime.get().load_program("model.pte").load_method("forward")
found, logits = network.execute([torch.from_numpy(samples.mean(1))[None]])
print(facts["labels"], found)
```

The example needs `pip install executorch soundfile`; on a device the program is run by ExecuTorch's own runtimes for
Android, iOS and C++. It cleans nothing; with audio_ft, `audio-ft predict FOLDER RECORDING` does.
"""
