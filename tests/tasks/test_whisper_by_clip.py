"""A Whisper of several languages learns and writes each clip in the clip's own language, or detects it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import RATE, WORDS, speech, tiny_transcriber
from tables import write_rows

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.targets.transcripts import Text
from audio_ft.tasks import Seq2Seq
from audio_ft.tasks.base import Checkpoint, HeadSettings

SPOKEN = ["de", "english", "de"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a tiny Whisper that knows English, Chinese and German."""
    return tiny_transcriber(tmp_path_factory.mktemp("three"), ("en", "zh", "de"))


def planned(checkpoint: str, **text: Any) -> Seq2Seq:
    task = Seq2Seq.plan(Transcript(text=Text(**text)), Checkpoint(load_adapter(checkpoint), checkpoint), ["abc"])
    assert isinstance(task, Seq2Seq)
    return dataclasses.replace(task, limit=16)


def test_a_batch_of_two_languages_is_what_two_batches_of_one_are(checkpoint: str) -> None:
    mixed = planned(checkpoint)
    model: Any = mixed.build(Checkpoint(load_adapter(checkpoint), checkpoint), HeadSettings()).eval()
    adapter = load_adapter(checkpoint)
    inputs: dict[str, Any] = adapter.collate([adapter.extract(speech(RATE, seed)) for seed in range(3)])
    ids = mixed.language_ids(SPOKEN)
    assert ids is not None
    labels = mixed.batch_labels(["a", "bcd", "ef"], [1.0] * 3)
    with torch.inference_mode():
        whole = inputs | {"language": torch.as_tensor(ids)}
        loss, _ = mixed.loss(model, whole, labels, HeadSettings())
        written = mixed.predict_step(model, adapter, whole, torch.empty(0))
        alone, tokens = 0.0, 0
        for row, language in enumerate(SPOKEN):
            single = planned(checkpoint, language=language)
            one = {name: value[row : row + 1] for name, value in inputs.items()}
            own = single.batch_labels([["a", "bcd", "ef"][row]], [1.0])
            weight = int(single.loss_weight(own, HeadSettings()))
            alone += float(single.loss(model, one, own, HeadSettings())[0]) * weight
            tokens += weight
            model.generation_config.language = single.text.language
            ours = single.predict_step(model, adapter, one, torch.empty(0))
            assert mixed.decode(written[row]) == single.decode(ours[0])
            model.generation_config.language = None
    assert int(mixed.loss_weight(labels, HeadSettings())) == tokens
    assert float(loss) == pytest.approx(alone / tokens, rel=1e-5)


def test_languages_that_do_not_fit_are_refused(checkpoint: str) -> None:
    def checked(languages: list[str | None], **text: Any) -> list[str]:
        return planned(checkpoint, **text).check_languages({"train": (languages, list("abcdef")[: len(languages)])})

    assert checked(["de", "english", "de"]) == ["languages   de 2, en 1 clips"]
    assert checked(["de"], language="de") == []
    with pytest.raises(InputError, match=r"multilingual; set its language.*data\.language_column"):
        planned(checkpoint).check_languages({})
    with pytest.raises(InputError, match=r"1 of 2 clips have no language \(first: b\)"):
        checked(["de", None])
    with pytest.raises(InputError, match=r"clips in en, and text\.language is de; leave text\.language out"):
        checked(["en", "de"], language="de")
    with pytest.raises(InputError, match="no token for the language 'it'"):
        checked(["de", "it"])
    with pytest.raises(InputError, match="b: its language: expected a code"):
        checked(["de", "klingonish!"])
    with pytest.raises(InputError, match="written without spaces"):
        checked(["de", "chinese"])


def test_two_languages_are_trained_in_one_run(checkpoint: str, tmp_path: Path) -> None:
    rows = []
    for split in ("train", "validation", "test"):
        for place, path in enumerate(sorted((Path(WORDS) / split).glob("*.ogg"))[:6]):
            word = path.stem.rpartition("_")[2]
            rows.append({"file_name": path, "text": word, "split": split, "spoken": SPOKEN[place % 3]})
    table = write_rows(tmp_path / "clips.csv", rows)
    recipe = Recipe(
        model=checkpoint,
        data=Data(str(table), language_column="spoken"),
        task="transcription",
        training={"max_steps": 2, "per_device_train_batch_size": 4},
    )
    lines: list[str] = []
    run = aft.train(recipe, tmp_path / "run", log=lines.append)
    assert "languages   de 12, en 6 clips" in lines
    counts = {name: scores["wer"].n for name, scores in run.by["language"].items()}
    assert counts == {"english": 2, "de": 4}
    assert aft.Run.load(run.folder).by == run.by
    model = aft.load(run.folder, device="cpu")
    again = aft.evaluate(model, recipe.data)
    assert again.scores["wer"].value == run.scores["test"]["wer"].value
    # Without a language it detects that of a recording; with one it writes that.
    assert isinstance(model((speech(RATE), RATE))["text"], str)
    assert aft.load(run.folder, device="cpu", language="de").network.generation_config.language == "de"
