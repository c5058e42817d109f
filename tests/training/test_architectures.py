"""A short training of each architecture with each of its heads: saved, checked against plain transformers, loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from checkpoints import TINY, WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.audio.clip import read
from audio_ft.augmentation import SpecAugment
from audio_ft.models.load import adapters
from audio_ft.reporting import record

SENTENCES = str(Path(WORDS).parent / "sentences")
CLASSES = {"classification": "AutoModelForAudioClassification", "ctc": "AutoModelForCTC"}


def kinds() -> list[tuple[str, str]]:
    """Return a tiny checkpoint of each file in models/ with each head that needs no tokenizer from the checkpoint."""
    first: dict[str, str] = {}
    for name, tiny in TINY.items():
        first.setdefault(adapters()[tiny.model_type].__module__, name)
    return [
        (name, head) for name in first.values() for head in adapters()[TINY[name].model_type].heads if head in CLASSES
    ]


def moved_by_batches(pipe: Any, waves: list[Any]) -> float:
    """Return how far batches of 16 move a classifier's probabilities on average."""

    def answers(**settings: int) -> list[Any]:
        inputs = [{"raw": wave, "sampling_rate": 16_000} for wave in waves]
        return list(pipe(inputs, top_k=None, **settings))

    moved = []
    for alone, together in zip(answers(), answers(batch_size=16), strict=True):
        scores = {one["label"]: one["score"] for one in together}
        moved.append(max(abs(one["score"] - scores[one["label"]]) for one in alone))
    return sum(moved) / len(moved)


@pytest.mark.parametrize(("name", "head"), kinds())
def test_a_training_leaves_a_model_that_plain_transformers_loads(name: str, head: str, tmp_path: Path) -> None:
    data = Data(path=WORDS if head == "classification" else SENTENCES, limit=16)
    recipe = Recipe(
        model=tiny_checkpoint(name, tmp_path / "checkpoint"),
        data=data,
        task=head,
        augment=(SpecAugment(),),
        precision="float32",
        training={"max_steps": 2, "per_device_train_batch_size": 4},
    )
    # The parity check is part of it: a process with plain transformers has to answer a stored clip alike.
    run = aft.train(recipe, tmp_path / "run")
    model = aft.load(tmp_path / "run")
    auto: Any = getattr(transformers, CLASSES[head])
    plain, report = auto.from_pretrained(run.model_folder, output_loading_info=True)
    assert not any(report.values()), "no weight is missing, left over or of another shape"
    assert type(plain) is type(model.network)
    base = transformers.AutoConfig.from_pretrained(recipe.model)
    assert getattr(plain.config, "use_cache", None) == getattr(base, "use_cache", None), "Trainer turns it off"
    waves = [model.chain(read(file)).samples[0] for file in sorted(Path(data.path).rglob("test/*.ogg"))[:16]]
    pipe: Any = transformers.pipeline(run.target.pipeline_tag, model=str(run.model_folder))
    assert len({file.stat().st_mode for file in run.model_folder.iterdir()}) == 1, "weights are as readable as the rest"
    card = record.batches_text(run)
    if head == "ctc":
        assert "one by one" in card
    elif getattr(plain.config, "feat_extract_norm", "layer") == "layer":
        assert moved_by_batches(pipe, waves) == pytest.approx(0, abs=1e-4)
        assert not card
    else:
        assert "group normalization" in card
        # Group norm averages over padding in plain transformers; the mask, which is saved, keeps the rest of it out.
        assert pipe.feature_extractor.return_attention_mask
        with_mask = moved_by_batches(pipe, waves)
        pipe.feature_extractor.return_attention_mask = False
        assert with_mask < moved_by_batches(pipe, waves)
    answer: Any = model(next(Path(data.path).rglob("test/*.ogg")))
    assert set(answer) == set(model.task.target.names) if head == "classification" else "text" in answer
