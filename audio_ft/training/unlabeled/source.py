"""The recordings without labels that a recipe's checkpoint learns from before it is fine-tuned."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data.leaks.certificate import digest_of
from audio_ft.data.leaks.certify import certify
from audio_ft.data.spec import Data
from audio_ft.data.unlabeled import recordings
from audio_ft.errors import InputError
from audio_ft.evaluation.leaks import side_of
from audio_ft.evaluation.scoring import Rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from audio_ft.cleaning.cleaned import Cleaned
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# Transformers' class of the network that learns the objective, by architecture.
KINDS = {"wav2vec2": "AutoModelForPreTraining", "hubert": "AutoModel"}
# What a recipe calls the recordings of its own training split.
TRAIN = "train"


@dataclass(frozen=True)
class Unlabeled:
    """Hold the clean recordings that a recipe's checkpoint learns from before it is fine-tuned.

    Attributes:
        cleaned: their rows.
        copies: how many of them are in validation or test too, which the recipe allows.
    """

    cleaned: Cleaned
    copies: int = 0

    @property
    def digest(self) -> str:
        """Return a digest of the samples, in any order."""
        return digest_of(self.cleaned.column("digest").tolist())


@dataclass(frozen=True)
class Continued:
    """Hold the folder of a checkpoint whose pretraining was continued, and the facts that its run records."""

    folder: Path
    facts: Mapping[str, Any]

    def install(self, model: PreTrainedModel, adapter: Adapter) -> None:
        """Give a network the encoder of this checkpoint, in place; its head stays."""
        from safetensors.torch import load_file

        encoder, prefix = adapter.encoder(model), f"{model.base_model_prefix}."
        found = {name.removeprefix(prefix): weight
                 for name, weight in load_file(self.folder / "model.safetensors").items()}  # fmt: skip
        # Networks that mask nothing while they are fine-tuned are saved without the embedding of masked frames.
        weights = {name: found.get(name, own) if name == "masked_spec_embed" else found[name]
                   for name, own in encoder.state_dict().items()}  # fmt: skip
        encoder.load_state_dict(weights)


def require_objective(model: str, adapter: Adapter) -> None:
    """Check that the objective of a checkpoint is known.

    Raises:
        InputError: it is not.
    """
    if adapter.config.model_type not in KINDS:
        raise InputError(f"{model} is a {adapter.name}; pretraining can be continued for wav2vec2 and hubert "
                         "checkpoints.")  # fmt: skip


def check_pretraining(recipe: Recipe, adapter: Adapter, task: Task) -> None:
    """Check that a recipe which continues the pretraining can do so.

    Raises:
        InputError: the checkpoint has no such objective or a head that would no longer fit, or another setting needs
            the checkpoint as it is.
    """
    from accelerate import PartialState

    if recipe.pretrain is None:
        return
    if adapter.from_scratch:
        raise InputError(f"pretrain: {recipe.model} is trained from scratch, and only wav2vec2 and hubert checkpoints "
                         "are pretrained; leave it out.")  # fmt: skip
    try:
        require_objective(recipe.model, adapter)
    except InputError as error:
        raise InputError(f"pretrain: {error}") from error
    once = "run `audio-ft pretrain` before, and give its checkpoint as model"
    if not task.from_scratch:
        raise InputError(f"pretrain: {recipe.model} transcribes already, and its output layer fits the encoder as it "
                         "is; leave it out, or start from a checkpoint without one.")  # fmt: skip
    if recipe.peft == "adapter" or recipe.keep_adapter:
        raise InputError("pretrain changes all weights, and an adapter that is kept alone is for those of the "
                         f"checkpoint; {once}.")  # fmt: skip
    if recipe.budget is not None:
        raise InputError(f"pretrain takes as long as its epochs, whatever the budget: {once}, or leave budget out.")
    if PartialState().num_processes > 1:
        raise InputError(f"pretrain runs in one process: {once}, or train in one.")


def unlabeled_of(
    recipe: Recipe, adapter: Adapter, splits: Mapping[str, Rows], task: Task, log: Callable[[str], None]
) -> Unlabeled | None:
    """Return the clean recordings that a recipe's checkpoint learns from first, None where it is taken as it is.

    Raises:
        InputError: there are none, or some are in validation or test too and the recipe does not allow that.
    """
    if recipe.pretrain is None:
        return None
    if recipe.pretrain == TRAIN:
        if splits["train"].cleaned.shuffled:
            raise InputError("pretrain=train reads the training recordings in any order, and they are streamed; set "
                             "data.streaming=false.")  # fmt: skip
        return Unlabeled(splits["train"].cleaned)
    found = recordings(Data(path=recipe.pretrain))
    cleaner = Cleaner(recipe.steps.remaining(found.chain), adapter.sample_rate)
    rows = Rows(found.table, clean(found.table, cleaner, name="pretrain"))
    return Unlabeled(rows.cleaned, _copies(recipe, rows, splits, task, log))


def _copies(recipe: Recipe, rows: Rows, splits: Mapping[str, Rows], task: Task, log: Callable[[str], None]) -> int:
    """Return how many recordings without labels hold the sound of a recording that is chosen or tested by."""
    held_out = {name: side_of(splits[name], task.target) for name in ("validation", "test")}
    own = dataclasses.replace(side_of(rows, task.target), transcripts=(), groups=())
    certificate = certify({**held_out, "pretrain": own})
    pairs = tuple(pair for pair in certificate.pairs if pair.other_split == "pretrain")
    sentences = list(dataclasses.replace(certificate, pairs=pairs, alike=()).sentences())
    for sentence in sentences:
        log(f"warning: {sentence}")
    if sentences and not recipe.allow_leaks:
        raise InputError(f"pretrain: {'. '.join(sentences)}. Leave them out, take the training recordings alone "
                         "(pretrain=train), or train anyway with --allow-leaks.")  # fmt: skip
    return len({pair.other_key for pair in pairs})
