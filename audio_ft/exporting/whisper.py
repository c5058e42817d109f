"""Whisper as one ONNX file from raw samples to tokens: encoder, and the decoder in a loop that searches greedily.

torch's exporter writes the encoder and one step of the decoder; they are quantized apart and then joined by ONNX's
`Loop`, which returns the tokens of all steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from audio_ft.errors import AudioFTError, InputError
from audio_ft.exporting.graph import LARGEST, front_end, write_onnx
from audio_ft.inference.exported import opened
from audio_ft.tasks.base import forward
from audio_ft.tasks.whisper import Seq2Seq

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

# What a step hands on to the next one, and what all steps get of the encoder.
CARRIED = ("tokens", "position", "keys", "values", "done")
CROSS = ("cross_keys", "cross_values")


class Encoded(nn.Module):
    """Encode samples, and prepare what the first step of the decoder takes."""

    prefix: torch.Tensor

    def __init__(self, model: Model, prefix: Sequence[int]) -> None:
        super().__init__()
        self.front, self.encoder = front_end(model.adapter), model.network.get_encoder()
        self.attentions = nn.ModuleList(layer.encoder_attn for layer in model.network.get_decoder().layers)
        self.register_buffer("prefix", torch.tensor([list(prefix)]))

    def forward(self, samples: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return keys and values of cross-attention (layers, batch, heads, positions, width), and CARRIED.

        The prefix are the first tokens; keys and values of self-attention are empty.
        """
        states = self.encoder(**self.front(samples)).last_hidden_state
        layers = cast("Any", self.attentions)
        keys = torch.stack([_heads(layer.k_proj(states), layer.num_heads) for layer in layers])
        values = torch.stack([_heads(layer.v_proj(states), layer.num_heads) for layer in layers])
        batch = states.shape[0]
        none = keys[:, :, :, :0]
        tokens = self.prefix.expand(batch, -1)
        done = torch.zeros(batch, dtype=torch.bool)
        return keys, values, tokens, torch.zeros((), dtype=torch.int64), none, none, done


class Step(nn.Module):
    """Compute one step of a decoder: the most probable next token of each row."""

    head: torch.Tensor
    places: torch.Tensor
    never: torch.Tensor
    first: torch.Tensor

    def __init__(self, model: Model, task: Seq2Seq) -> None:
        super().__init__()
        decoder, generation = model.network.get_decoder(), model.network.generation_config
        self.layers, self.norm, self.end = decoder.layers, decoder.layer_norm, int(task.tokenizer.eos_token_id)
        self.scale = getattr(decoder, "embed_scale", 1.0)
        self.register_buffer("places", decoder.embed_positions.weight.detach())
        # One table for the embeddings and for the logits, turned as a product takes it.
        self.register_buffer("head", model.network.get_output_embeddings().weight.detach().T.contiguous())
        size = self.head.shape[1]
        self.register_buffer("never", _suppressed(size, getattr(generation, "suppress_tokens", None)))
        self.register_buffer("first", _suppressed(size, getattr(generation, "begin_suppress_tokens", None)))

    def forward(
        self, tokens: torch.Tensor, position: torch.Tensor, keys: torch.Tensor, values: torch.Tensor,
        done: torch.Tensor, cross_keys: torch.Tensor, cross_values: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:  # fmt: skip
        """Return whether to go on, CARRIED for the next step, and the token that each row writes (batch,).

        `tokens` (batch, n) follow `position` others, whose `keys` and `values` are (layers, batch, heads, position,
        width); `done` (batch,) says which rows have ended.
        """
        before, count = keys.shape[3], tokens.shape[1]
        hidden = torch.index_select(self.head, 1, tokens.flatten()).T.unflatten(0, tokens.shape) * self.scale
        hidden = hidden + torch.index_select(self.places, 0, position + torch.arange(count))
        # Token i sees those up to itself.
        mask = torch.arange(before + count) <= torch.arange(count)[:, None] + before
        kept = []
        for index, layer in enumerate(cast("Any", self.layers)):
            hidden, own = _layer(layer, hidden, (keys[index], values[index]), mask, cross_keys[index],
                                 cross_values[index])  # fmt: skip
            kept.append(own)
        scores = torch.matmul(self.norm(hidden[:, -1]), self.head) + self.never
        scores = torch.where(position == 0, scores + self.first, scores)
        written = torch.where(done, self.end, scores.argmax(-1))
        done = done | (written == self.end)
        found = (torch.stack(each) for each in zip(*kept, strict=True))
        return ~done.all(), written[:, None], position + count, *found, done, written


def _layer(
    layer: Any,
    hidden: torch.Tensor,
    past: tuple[torch.Tensor, torch.Tensor],
    mask: torch.Tensor,
    cross_keys: torch.Tensor,
    cross_values: torch.Tensor,
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Return the output (batch, n, width) of a layer of the decoder, and its keys and values with those before."""
    attention, normed = layer.self_attn, layer.self_attn_layer_norm(hidden)
    keys = torch.cat([past[0], _heads(attention.k_proj(normed), attention.num_heads)], 2)
    values = torch.cat([past[1], _heads(attention.v_proj(normed), attention.num_heads)], 2)
    hidden = hidden + _attended(attention, normed, keys, values, mask)
    normed = layer.encoder_attn_layer_norm(hidden)
    hidden = hidden + _attended(layer.encoder_attn, normed, cross_keys, cross_values)
    inner = layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden)))
    return hidden + layer.fc2(inner), (keys, values)


def _attended(
    attention: Any, hidden: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None = None
) -> torch.Tensor:
    """Return attention (batch, n, width) over keys and values (batch, heads, positions, width of a head)."""
    queries = _heads(attention.q_proj(hidden) * attention.scaling, attention.num_heads)
    weights = torch.matmul(queries, keys.transpose(2, 3))
    if mask is not None:
        weights = weights.masked_fill(~mask, torch.finfo(torch.float32).min)
    found = torch.matmul(weights.softmax(-1), values)
    projected: torch.Tensor = attention.out_proj(found.transpose(1, 2).flatten(2))
    return projected


def _heads(states: torch.Tensor, heads: int) -> torch.Tensor:
    """Return (batch, heads, positions, width of a head) of states (batch, positions, width)."""
    return states.unflatten(-1, (heads, -1)).transpose(1, 2)


def _suppressed(size: int, tokens: Sequence[int] | None) -> torch.Tensor:
    """Return what is added to scores (size,) so that these tokens are never the best."""
    scores = torch.zeros(size)
    scores[list(tokens or ())] = torch.finfo(torch.float32).min
    return scores


def write_whisper(model: Model, file: Path, quantize: Sequence[tuple[Path, Callable[[Path, Path], None]]] = ()) -> None:
    """Write a Whisper that transcribes, and once more for each file with the function that quantizes a network.

    Raises:
        InputError: its language is not set, it writes times, or it is too large for one file.
        AudioFTError: torch's exporter fails, or the tokens of noise differ from those of the network.
    """
    task = model.task
    if not isinstance(task, Seq2Seq) or (task.multilingual and task.text.language is None):
        raise InputError(
            "A multilingual Whisper is exported for one language, and this one has none: train it with text.language."
        )
    if task.text.timestamps:
        raise InputError("A Whisper that writes times (text.timestamps) cannot be exported to ONNX.")
    if model.network.num_parameters() * 4 > LARGEST:
        raise InputError("This Whisper is too large for one ONNX file; use the format ctranslate2.")
    parts = file.parent / "parts"
    parts.mkdir()
    prefix = (*task.prompt, *task.prefix)
    positions = int(model.network.config.max_target_positions)
    longest = min(int(model.network.generation_config.max_length), positions - len(prefix))
    encoder, step = parts / "encoder.onnx", parts / "step.onnx"
    _write_parts(model, Encoded(model, prefix).eval(), Step(model, task).eval(), encoder, step)
    _join(encoder, step, file, longest)
    _check_tokens(model, file)
    for target, change in quantize:
        small = parts / "small_encoder.onnx", parts / "small_step.onnx"
        change(encoder, small[0])
        _part_tables(step)
        change(step, small[1])
        _join(*small, target, longest)
    for part in parts.iterdir():
        part.unlink()
    parts.rmdir()


def _write_parts(model: Model, encoded: Encoded, step: Step, encoder: Path, file: Path) -> None:
    """Write the encoder and one step of the decoder."""
    samples = torch.zeros(2, model.adapter.sample_rate)
    with torch.no_grad():
        keys, values, *carried = encoded(samples)
        _, *carried, _ = step(*carried, keys, values)
    write_onnx(
        encoded, {"samples": samples}, {"samples": {0: "batch", 1: "time"}},
        [*CROSS, *(f"first_{name}" for name in CARRIED)], encoder,
    )  # fmt: skip
    # Several tokens after several others, so that no length is taken for a constant.
    carried[0] = torch.zeros(2, 3, dtype=torch.int64)
    inputs = dict(zip((*CARRIED, *CROSS), (*carried, keys, values), strict=True))
    past = {1: "batch", 3: "past"}
    dynamic = {"tokens": {0: "batch", 1: "count"}, "position": {}, "keys": past, "values": past, "done": {0: "batch"},
               "cross_keys": {1: "batch"}, "cross_values": {1: "batch"}}  # fmt: skip
    write_onnx(step, inputs, dynamic, ["going", *(f"next_{name}" for name in CARRIED), "written"], file)


def _part_tables(file: Path) -> None:
    """Give the embeddings a table of their own, which is quantized by another rule than that of the logits."""
    import onnx

    model = onnx.load(str(file))
    table = next((each for each in model.graph.initializer if each.name.endswith("head")), None)
    for node in model.graph.node:
        if table is not None and node.op_type == "Gather" and node.input[0] == table.name:
            own = onnx.TensorProto()
            own.CopyFrom(table)
            own.name, node.input[0] = "embeddings", "embeddings"
            model.graph.initializer.append(own)
    onnx.save(model, str(file))


def _join(encoder: Path, step: Path, file: Path, longest: int) -> None:
    """Write the encoder and a loop of steps as one network with the output `tokens` (batch, steps)."""
    import onnx
    from onnx import TensorProto, helper

    # Names are those of one scope, in which the steps also find the keys and values of the encoder.
    outer, inner = onnx.load(str(encoder)), onnx.compose.add_prefix(onnx.load(str(step)), "step_")
    body = inner.graph
    for node in body.node:
        for place, name in enumerate(node.input):
            if name.removeprefix("step_") in CROSS:
                node.input[place] = name.removeprefix("step_")
    carried = [each for each in body.input if each.name.removeprefix("step_") not in CROSS]
    del body.input[:], body.value_info[:]
    body.input.extend([
        helper.make_tensor_value_info("step_number", TensorProto.INT64, []),
        helper.make_tensor_value_info("step_going_on", TensorProto.BOOL, []),
        *carried,
    ])  # fmt: skip
    firsts = [f"first_{name}" for name in CARRIED]
    constants = [
        helper.make_tensor("most_steps", TensorProto.INT64, [], [longest]),
        helper.make_tensor("at_first", TensorProto.BOOL, [], [True]),
    ]
    nodes = [
        helper.make_node("Loop", ["most_steps", "at_first", *firsts],
                         [*(f"last_{name}" for name in CARRIED), "steps"], body=body, name="search"),
        helper.make_node("Transpose", ["steps"], ["tokens"], perm=[1, 0], name="by_row"),
    ]  # fmt: skip
    graph = outer.graph
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "steps"]))
    versions = {each.domain: each.version for each in itertools.chain(inner.opset_import, outer.opset_import)}
    joined = helper.make_model(
        graph, ir_version=outer.ir_version, functions=[*outer.functions, *inner.functions],
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()],
    )  # fmt: skip
    onnx.save(joined, str(file))


def _check_tokens(model: Model, file: Path) -> None:
    """Compare the tokens of a second of noise with those of the network in torch."""
    wave = np.random.default_rng(0).normal(0, 0.05, model.adapter.sample_rate).astype(np.float32)
    task: Any = model.task
    inputs = model.adapter.collate([model.adapter.extract(wave)])
    (found,) = opened(file, torch.get_num_threads()).run(["tokens"], {"samples": wave[None]})
    ours, theirs = (
        task.decode(tokens.tolist()) for tokens in (forward(model.network, task, model.adapter, inputs)[0], found[0])
    )
    if ours != theirs:
        raise AudioFTError(
            f"The ONNX file writes {theirs!r} for noise, and the network in torch {ours!r}. Do not use it; please "
            "report this with the model's config.json."
        )
