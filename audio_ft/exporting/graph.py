"""A network from raw samples to predictions, written as one ONNX file by torch's exporter."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from audio_ft.errors import AudioFTError, InputError
from audio_ft.exporting.estimator import EstimatorLayers
from audio_ft.exporting.layers import OPSET, make_exportable
from audio_ft.inference.exported import opened
from audio_ft.models.checkpoint import first_line
from audio_ft.models.estimator import Estimator
from audio_ft.targets import Number
from audio_ft.tasks import CTC, Classification, Events

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model
    from audio_ft.models.base import Adapter
    from audio_ft.tasks.base import Task

# A file of protocol buffers holds 2 GB; larger weights go beside it.
LARGEST = 1_900_000_000
# Of the logits of one clip in two float32 computations, as a share of the greatest.
TOLERANCE = 1e-3
# What torch calls the front end in the names that it gives to the nodes of a graph.
FRONT = "front"


class FromSamples(nn.Module):
    """Join the front end, the network, and what a task makes of its logits."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.front = front_end(model.adapter)
        fitted = isinstance(model.network, Estimator)
        self.network = EstimatorLayers(model.network) if fitted else make_exportable(copy.deepcopy(model.network))
        self.answer = answer_of(model.task)[1]

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return predictions and logits of samples (batch, time)."""
        logits = self.network(**self.front(samples)).logits.float()
        return self.answer(logits), logits


def front_end(adapter: Adapter) -> nn.Module:
    """Return the layers of an adapter that turn samples (batch, time) of one length into network inputs.

    Raises:
        InputError: its architecture has none.
    """
    if not hasattr(adapter, "front_end"):
        raise InputError(
            f"{adapter.name} models cannot be exported: no layers compute their features. Export a Wav2Vec2, HuBERT, "
            "Whisper, cnn, gru, crnn, linear or svm."
        )
    layers: nn.Module = adapter.front_end()
    return layers


def answer_of(task: Task) -> tuple[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return the name of what a task predicts, and how it follows from the logits (batch, …).

    Raises:
        InputError: the task is one of another package.
    """
    if isinstance(task, CTC):
        return "tokens", lambda logits: logits.argmax(-1)
    if isinstance(task, Events):
        return "probabilities", torch.sigmoid
    if isinstance(task, Classification):
        if isinstance(task.target, Number):
            return "value", lambda logits: logits[:, 0]
        return "probabilities", (lambda logits: logits.softmax(-1)) if task.target.exclusive else torch.sigmoid
    raise InputError(f"A model of task {task.name} cannot be exported to ONNX.")


def write_graph(model: Model, file: Path) -> None:
    """Write a model as an ONNX file of `samples` (batch, time), and check that it computes what torch does.

    Raises:
        InputError: its task or architecture cannot be exported, or a package is missing.
        AudioFTError: torch's exporter fails on it, or what it wrote computes something else.
    """
    network, name = FromSamples(model).eval(), answer_of(model.task)[0]
    samples = torch.zeros(2, round(model.adapter.window * model.adapter.sample_rate))
    write_onnx(network, {"samples": samples}, {"samples": {0: "batch", 1: "time"}}, (name, "logits"), file)
    _check_parity(model, file)


def _check_parity(model: Model, file: Path) -> None:
    """Compare the logits of noise, of a length below the shortest input, of the window, and between."""
    session, adapter, rng = opened(file, torch.get_num_threads()), model.adapter, np.random.default_rng(0)
    longest = round(adapter.window * adapter.sample_rate)
    for length in (adapter.shortest // 2 + 1, longest // 3, longest):
        wave = rng.normal(0, 0.1, length).astype(np.float32)
        inputs = adapter.collate([adapter.extract(wave)])
        with torch.inference_mode():
            ours = model.network(**inputs).logits[0].float().numpy()
        theirs = session.run(["logits"], {"samples": wave[None]})[0][0]
        # Behind the end of a clip there may be frames of padding, for networks that take no shorter input.
        furthest = float(np.abs(ours[: len(theirs)] - theirs).max())
        if not furthest <= TOLERANCE * max(1.0, float(np.abs(ours).max())):
            raise AudioFTError(
                f"The ONNX file computes other logits than torch for a clip of {length:,} samples: they differ by "
                f"{furthest:.3g}. Do not use it; please report this with the model's config.json."
            )


def write_onnx(
    network: nn.Module,
    inputs: Mapping[str, torch.Tensor],
    dynamic: Mapping[str, Any],
    outputs: Sequence[str],
    file: Path,
) -> None:
    """Write a network for inputs by name, of which the `dynamic` dimensions have any size.

    Raises:
        InputError: a package is missing.
        AudioFTError: torch's exporter fails.
    """
    require_packages()
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    with quiet_exporter(), torch.no_grad():
        # Of any class: what the exporter cannot translate shows in many ways.
        try:
            program: Any = torch.onnx.export(
                network, kwargs=dict(inputs), dynamo=True, dynamic_shapes=dict(dynamic), input_names=list(inputs),
                output_names=list(outputs), opset_version=OPSET, verbose=False,
            )  # fmt: skip
        except Exception as error:
            raise AudioFTError(f"torch cannot export this network to ONNX ({first_line(error)}).") from error
        program.save(str(file), external_data=size > LARGEST)
    _tidy(file)


def front_nodes(file: Path) -> list[str]:
    """Return the names of the nodes of the front end, whose numbers are too small and too large for 8 bits."""
    import onnx

    nodes = onnx.load(str(file), load_external_data=False).graph.node
    return [node.name for node in nodes if node.name.startswith(f"{FRONT}/")]


def _tidy(file: Path) -> None:
    """Name the nodes of the front end, and remove what the exporter notes of the program, paths of this machine too."""
    import onnx

    model = onnx.load(str(file), load_external_data=False)
    graph = model.graph
    for node in graph.node:
        if any(f"/{FRONT}:" in item.value or f"'{FRONT}'" in item.value for item in node.metadata_props):
            node.name = f"{FRONT}/{node.name}"
    noted: list[Any] = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for each in noted:
        each.ClearField("metadata_props")
        each.ClearField("doc_string")
    onnx.save(model, str(file))


def require_packages() -> None:
    """Raise `InputError` unless what exports and runs ONNX is installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"Exporting to ONNX needs more packages ({error}): pip install 'audio-ft[export]'.") from error


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Silence what torch's exporter and onnxruntime's quantization say of themselves; what fails is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)
