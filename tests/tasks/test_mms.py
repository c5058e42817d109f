"""MMS checkpoints: `text.language` chooses adapter, output layer and vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from checkpoints import RATE, speech, tiny_checkpoint
from hub_server import Hub, connected
from safetensors.torch import load_file, save_file

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.targets.transcripts import Text
from audio_ft.tasks import CTC
from audio_ft.tasks.base import Checkpoint, HeadSettings

# Of the last two Whisper knows nothing.
LETTERS = {"eng": "abc", "fra": "abcdé", "uzb-script_latin": "xyz", "uzb-script_cyrillic": "абв", "quz": "achñ"}


@pytest.fixture
def mms(tmp_path: Path) -> Path:
    """Return the folder of a tiny checkpoint with adapters of three languages, English in its weights."""
    from transformers import Wav2Vec2ForCTC

    start = tiny_checkpoint("wav2vec2-layer", tmp_path, adapter_attn_dim=4)
    model = Wav2Vec2ForCTC.from_pretrained(start)
    model.save_pretrained(tmp_path)
    vocabularies = {}
    for language, letters in LETTERS.items():
        names = ("<pad>", "<s>", "</s>", "<unk>", "|", *letters)
        vocabularies[language] = {name: place for place, name in enumerate(names)}
        weights = {name: torch.randn_like(weight) for name, weight in model._get_adapters().items()}
        weights |= {"lm_head.weight": torch.randn(len(names), 32), "lm_head.bias": torch.randn(len(names))}
        save_file(weights, tmp_path / f"adapter.{language}.safetensors")
    (tmp_path / "vocab.json").write_text(json.dumps(vocabularies))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Wav2Vec2CTCTokenizer", "target_lang": "eng"})
    )
    return tmp_path


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("fr", "fra"),
        (None, "eng"),
        ("uz", "uzb-script_cyrillic"),  # the first of its scripts
        ("uzb-script_latin", "uzb-script_latin"),
        ("quz", "quz"),
        ("fra", "fra"),
    ],
)
def test_the_language_chooses_adapter_and_vocabulary(mms: Path, language: str | None, name: str) -> None:
    model = aft.load(mms, device="cpu", language=language)
    assert model.network.lm_head.out_features == 5 + len(LETTERS[name])
    assert set(model((speech(RATE), RATE))["text"]) <= set(LETTERS[name]) | set("<unk>/s ")


def test_training_starts_from_the_adapter_of_its_language(mms: Path) -> None:
    checkpoint = Checkpoint(load_adapter(str(mms)), str(mms))
    task = CTC.plan(Transcript(text=Text(language="fr")), checkpoint, ["é bac"])
    assert (task.from_scratch, task.tokens[-1]) == (False, "é")
    assert task.build(checkpoint, HeadSettings()).lm_head.out_features == 10


def test_a_saved_model_has_the_adapter_of_its_language(mms: Path, tmp_path: Path) -> None:
    checkpoint, text = Checkpoint(load_adapter(str(mms)), str(mms)), Text(language="fr")
    task = CTC.plan(Transcript(text=text), checkpoint, ["é bac"])
    model = task.build(checkpoint, HeadSettings())
    model.save_pretrained(tmp_path / "saved")
    task.save(checkpoint.adapter, tmp_path / "saved")
    adapter = load_adapter(str(tmp_path / "saved"))
    again = CTC.restore(adapter.config, tmp_path / "saved", text)
    assert again.tokens == task.tokens
    found = again.load(adapter, tmp_path / "saved").state_dict()
    assert all(torch.equal(weight, found[name]) for name, weight in model.state_dict().items())


def test_a_language_without_an_adapter_is_refused(mms: Path) -> None:
    with pytest.raises(InputError, match=r"no adapter for text\.language 'de' among those for 5 languages"):
        aft.load(mms, device="cpu", language="de")
    with pytest.raises(InputError, match=r"no adapter for text\.language 'qux'.*Did you mean 'quz'"):
        aft.load(mms, device="cpu", language="qux")
    (mms / "adapter.fra.safetensors").unlink()
    with pytest.raises(InputError, match=r"no adapter\.fra\.safetensors"):
        aft.load(mms, device="cpu", language="fr")


def test_what_was_trained_on_one_language_needs_no_file_for_it(mms: Path) -> None:
    (mms / "adapter.eng.safetensors").unlink()
    checkpoint = Checkpoint(load_adapter(str(mms)), str(mms))
    task = CTC.plan(Transcript(text=Text(language="en")), checkpoint, ["a bc"])
    assert not task.from_scratch
    assert task.build(checkpoint, HeadSettings()).lm_head.out_features == 8
    assert aft.load(mms, device="cpu", language="fra").network.lm_head.out_features == 10


def test_an_adapter_that_torch_saved_is_read_without_running_code(mms: Path) -> None:
    file = mms / "adapter.quz.safetensors"
    torch.save(load_file(file), mms / "adapter.quz.bin")
    file.unlink()
    assert aft.load(mms, device="cpu", language="quz").network.lm_head.out_features == 9
    torch.save({"lm_head.weight": Path("x")}, mms / "adapter.quz.bin")
    with pytest.raises(InputError, match=r"adapter\.quz\.bin does not fit the checkpoint"):
        aft.load(mms, device="cpu", language="quz")


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_of_a_repository_only_the_adapter_of_the_language_is_downloaded(
    mms: Path, tmp_path: Path, hub: Hub, suffix: str
) -> None:
    for file in mms.glob("adapter.*.safetensors") if suffix == "bin" else ():
        torch.save(load_file(file), file.with_suffix(".bin"))
        file.unlink()
    repo = hub.make("me/mms")
    files = {file.name: (file.read_bytes(), file.suffix != ".json") for file in mms.iterdir() if file.is_file()}
    repo.add("refs/heads/main", "all languages", files, repo.main.oid)
    with connected(hub, tmp_path / "cache"):
        assert aft.load("me/mms", device="cpu", language="quz").network.lm_head.out_features == 9
        checkpoint = Checkpoint(load_adapter("me/mms"), "me/mms")
        task = CTC.plan(Transcript(text=Text(language="quz")), checkpoint, ["ñacha"])
        assert not task.from_scratch
        assert task.build(checkpoint, HeadSettings()).lm_head.out_features == 9
        with pytest.raises(InputError, match=r"no adapter for text\.language 'xav'"):
            CTC.plan(Transcript(text=Text(language="xav")), checkpoint, ["ñacha"])
    asked = {Path(path).name for kind, _, path in hub.requests if kind == "resolve" and "adapter." in path}
    assert asked == {f"adapter.quz.{suffix}"}
