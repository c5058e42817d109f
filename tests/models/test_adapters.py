"""Each adapter prepares audio as its checkpoint was trained on, and no clip's answer depends on its batch neighbors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from checkpoints import MINI, RATE, TINY, fetched_whisper, speech, tiny_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from audio_ft.audio.pcm16 import dequantize, quantize
from audio_ft.augmentation import SpecAugment
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.models.base import Adapter
from audio_ft.models.load import adapters
from audio_ft.targets import Label
from audio_ft.tasks import Classification, task_for
from audio_ft.tasks.base import Checkpoint, HeadSettings, forward

if TYPE_CHECKING:
    from transformers import PreTrainedModel

POOLINGS = ("mean", "max", "attention", "statistics")
ALL = list(TINY)
# Networks that take the raw wave.
WAVES = [name for name, tiny in TINY.items() if tiny.extractor == "Wav2Vec2FeatureExtractor"]
# Networks whose frames can be pooled in other ways.
POOLING = [name for name, tiny in TINY.items() if adapters()[tiny.model_type].pools_frames]
LABELS = ("down", "left", "right")
TASK = Classification(Label(LABELS))
# Trimmed clips are this short; 400 samples are one frame of a raw-wave network, 100 and 399 are fewer.
LENGTHS = (100, 399, 400, 719, 720, 3_200, 8_000, 15_999, 16_000, 25_000)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives the folder of a tiny checkpoint, written on first use."""
    folders: dict[str, str] = {}

    def give(name: str) -> str:
        if name == "wav2vec2-mini":
            return MINI
        if name not in folders:
            folders[name] = tiny_checkpoint(name, tmp_path_factory.mktemp(name))
        return folders[name]

    return give


def classifier(adapter: Adapter, folder: str, **head: Any) -> PreTrainedModel:
    """Return a classifier whose random head answers in logits of about 1, so that 1e-4 is little beside them."""
    torch.manual_seed(1)
    model = TASK.build(Checkpoint(adapter, folder), HeadSettings(**head))
    inside = set(adapter.encoder(model).modules())
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Linear) and layer not in inside:
                layer.weight.copy_(torch.randn_like(layer.weight) * 0.15)
                layer.bias.copy_(torch.randn_like(layer.bias) * 0.05)
    return model.eval()


def answers(adapter: Adapter, model: PreTrainedModel, lengths: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits of clips alone, and of the same clips in one padded batch."""
    features = [adapter.extract(speech(length, seed)) for seed, length in enumerate(lengths)]
    alone = np.concatenate([forward(model, TASK, adapter, adapter.collate([feature])) for feature in features])
    return alone, forward(model, TASK, adapter, adapter.collate(features))


def assert_no_neighbor_matters(adapter: Adapter, model: PreTrainedModel, lengths: tuple[int, ...] = LENGTHS) -> None:
    alone, together = answers(adapter, model, lengths)
    assert np.isfinite(together).all()
    assert np.ptp(alone, axis=0).min() > 0.03, "a network that answers all clips alike shows nothing"
    assert np.abs(alone - together).max() < 1e-4


# ---- what there is


def test_every_adapter_is_tested() -> None:
    """Ask for a tiny checkpoint of each architecture: with one in TINY, every test below runs for it."""
    pretrained = {name for name, kind in adapters().items() if not kind.from_scratch}
    assert {tiny.model_type for tiny in TINY.values()} == pretrained


@pytest.mark.parametrize("name", ALL)
def test_settings_name_what_the_configuration_has(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name))
    known = adapter.config.to_dict()
    for named in (adapter.dropout_settings(0.25), adapter.layerdrop_settings(0.5)):
        assert set(named) <= set(known)
    dropouts = [name for name in known if "drop" in name and "layerdrop" not in name]
    assert dropouts == list(adapter.dropout_settings(0.25))
    assert set(adapter.heads) <= {"classification", "frames", "ctc", "seq2seq"}
    for head in adapter.heads:
        assert 1e-6 < adapter.learning_rate(head) < 1e-2
        wide = type(adapter)(adapter.config.__class__(hidden_size=1024), adapter.extractor)
        assert wide.learning_rate(head) < adapter.learning_rate(head), "large networks need smaller steps"


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("wavlm")])
def test_lora_finds_its_layers_in_every_layer(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name))
    model = classifier(adapter, checkpoint(name))
    assert adapter.lora_targets()
    for layer in adapter.layers(model):
        linear = {path.split(".")[-1] for path, part in layer.named_modules() if isinstance(part, torch.nn.Linear)}
        assert linear >= set(adapter.lora_targets())


# ---- features


@pytest.mark.parametrize("name", ALL)
def test_features_equal_the_extractors_own(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(2)
    for length in (adapter.shortest, 5_000, 16_111, round(adapter.window * RATE)):
        wave = dequantize(*quantize(speech(length, length)))
        ours = adapter.collate([adapter.extract(wave)])
        for key, theirs in adapter.extractor(wave, sampling_rate=RATE, return_tensors="np").items():
            there = tuple(slice(size) for size in theirs.shape)
            np.testing.assert_allclose(ours[key].numpy()[there], theirs, rtol=0, atol=1e-4, err_msg=f"{key}, {length}")
            assert ours[key].dtype == (torch.int64 if key == "attention_mask" else torch.float32)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("length", [400, 401, 5_000, 16_000, 80_000])
def test_wave_features_equal_the_extractors_own(checkpoint: Any, length: int, normalize: bool) -> None:
    adapter = load_adapter(checkpoint("hubert-layer"))
    adapter.extractor.do_normalize = normalize
    for scale in (1.0, 1e-3, 30.0):
        wave = speech(length) * np.float32(scale)
        ours = adapter.collate([adapter.extract(wave)])["input_values"].numpy()[0]
        theirs = adapter.extractor(wave, sampling_rate=RATE, return_tensors="np")["input_values"][0]
        assert np.abs(ours[:length] - theirs).max() < 1e-4 * max(1.0, np.abs(theirs).max())
        assert not ours[length:].any()


def test_the_wave_mask_marks_real_samples_alone(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("wav2vec2-group"))
    batch = adapter.collate([adapter.extract(speech(length)) for length in (5_000, 16_000)])
    assert batch["attention_mask"].sum(-1).tolist() == [5_000, 16_000]
    assert batch["attention_mask"][0, :5_000].all()


# Near a window's end the frames under the last samples reach into what the transform mirrors there.
NEAR_THE_END = (
    -801,
    -800,
    -799,
    -641,
    -640,
    -639,
    -401,
    -400,
    -361,
    -360,
    -359,
    -201,
    -200,
    -199,
    -161,
    -160,
    -40,
    -1,
    0,
)


@pytest.mark.parametrize("seconds", [1, 3, 30])
def test_whisper_features_equal_the_extractors_own(checkpoint: Any, seconds: int) -> None:
    folder = checkpoint("whisper")
    adapter = load_adapter(folder).with_window(seconds)
    whole = AutoFeatureExtractor.from_pretrained(folder, chunk_length=seconds)
    size = seconds * RATE
    near = NEAR_THE_END if seconds < 30 else NEAR_THE_END[::6]
    lengths = [1, 100, 159, 160, 161, 200, 399, 400, 8_000, size // 2 + 7, *(size + offset for offset in near)]
    features = [adapter.extract(speech(length, length)) for length in lengths]
    batch = adapter.collate(features)["input_features"].numpy()
    assert batch.shape == (len(lengths), 80, seconds * 100)
    for row, length in zip(batch, lengths, strict=True):
        theirs = whole(speech(length, length), sampling_rate=RATE, return_tensors="np")["input_features"][0]
        # Two FFT routines may differ in the last bit, and do on some processors.
        np.testing.assert_allclose(row, theirs, rtol=0, atol=1e-6, err_msg=f"{length} samples")


def test_ast_spectrograms_equal_the_extractors_own_up_to_the_last_frame(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("ast"))
    window = round(adapter.window * RATE)
    assert window == 255 * 160 + 400
    for normalize in (True, False):
        adapter.extractor.do_normalize = normalize
        lengths = [400, 559, 560, 561, 16_000, window - 161, window - 160, window - 1, window]
        batch = adapter.collate([adapter.extract(speech(length, length)) for length in lengths])["input_values"].numpy()
        assert batch.shape == (len(lengths), 256, 32)
        for row, length in zip(batch, lengths, strict=True):
            theirs = adapter.extractor(speech(length, length), sampling_rate=RATE, return_tensors="np")
            np.testing.assert_array_equal(row, theirs["input_values"][0], err_msg=f"{length} samples")
    stored = adapter.extract(speech(RATE))["input_values"]
    assert (stored.shape, stored.dtype) == ((98, 32), np.float32)


def test_ast_pools_in_its_own_way_and_does_not_transcribe(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("ast"))
    for head in ({"pooling": "max"}, {"weighted_layers": True}):
        with pytest.raises(InputError, match="have their own pooling; leave both out"):
            classifier(adapter, checkpoint("ast"), **head)
    for name in ("ctc", "seq2seq", "transcription"):
        with pytest.raises(InputError, match="have classification only; start from another checkpoint"):
            task_for(name, adapter)


@pytest.mark.parametrize("length", [560, 719, 720, 879, 880, 16_000, 16_160, 47_999])
def test_wav2vec2_bert_counts_the_frames_that_the_extractor_marks(checkpoint: Any, length: int) -> None:
    adapter = load_adapter(checkpoint("wav2vec2-bert"))
    theirs = adapter.extractor(speech(length), sampling_rate=RATE, return_tensors="np")
    ours = adapter.collate([adapter.extract(speech(length))])
    assert adapter.frames(length) == theirs["attention_mask"].sum() == int(adapter.batch_frames(ours))
    # Behind an odd log-mel frame lies padding, and where the batch is longer more of it.
    assert (ours["input_features"][0, theirs["input_features"].shape[1] :] == 1.0).all()
    assert adapter.frames(adapter.shortest - 1) == 0


def test_whisper_stores_only_the_frames_that_touch_audio(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("whisper"))
    stored = adapter.extract(speech(RATE))
    assert stored["input_features"].shape == (80, 102)
    assert stored["input_features"].dtype == np.float32


def test_whisper_takes_silence_and_nothing_at_all(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("whisper")).with_window(1)
    quiet = adapter.collate([adapter.extract(np.zeros(RATE, np.float32))])["input_features"]
    empty = adapter.collate([adapter.extract(np.zeros(0, np.float32))])["input_features"]
    torch.testing.assert_close(quiet, empty, rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
def test_every_network_takes_silence_and_nothing_at_all(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(1)
    model = classifier(adapter, checkpoint(name))
    quiet = [adapter.extract(np.zeros(length, np.float32)) for length in (0, 1, 16_000)]
    assert np.isfinite(forward(model, TASK, adapter, adapter.collate(quiet))).all()


# ---- frames


@pytest.mark.parametrize("name", WAVES)
def test_frames_agree_with_the_networks_own_count(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name))
    model = classifier(adapter, checkpoint(name))
    encoder = adapter.encoder(model)
    for length in (400, 719, 720, 721, 16_000, 16_111):
        with torch.inference_mode():
            hidden = encoder(torch.from_numpy(speech(length))[None]).last_hidden_state
        assert adapter.frames(length) == hidden.shape[1]
    assert adapter.frames(adapter.shortest) == 1
    assert adapter.frames(adapter.shortest - 1) == 0


def test_whisper_frames_are_the_positions_that_differ_from_silence(checkpoint: Any) -> None:
    adapter = load_adapter(checkpoint("whisper"))
    for length in (161, 1_000, 16_000, 40_000):
        feature = adapter.extract(speech(length))
        window = adapter.collate([feature])["input_features"][0]
        touched = int((window != float(feature["floor"])).any(0).nonzero().max()) + 1
        assert adapter.frames(length) == -(-touched // 2)


@pytest.mark.parametrize("name", ALL)
def test_frames_are_counted_alike_for_one_clip_and_for_a_batch(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(2)
    lengths = [adapter.shortest, 5_000, 16_000]
    one_by_one = [adapter.frames(length) for length in lengths]
    assert adapter.frames(torch.tensor(lengths)).tolist() == one_by_one
    batch = adapter.collate([adapter.extract(speech(length)) for length in lengths])
    # AST's spectrogram does not say where its padding begins.
    if adapter.pools_frames:
        assert adapter.batch_frames(batch).tolist() == one_by_one
    # What transformers averages may hold the padding of a whole window.
    averaged = adapter.pooled_frames(batch).tolist()
    assert averaged == one_by_one or set(averaged) == {averaged[0]}
    assert averaged[0] >= one_by_one[0]
    assert one_by_one[2] == pytest.approx(1 / adapter.frame_seconds, abs=2)


# ---- batch neighbors


@pytest.mark.parametrize("name", ["wav2vec2-mini", *ALL])
def test_a_clips_outputs_do_not_depend_on_its_batch(checkpoint: Any, name: str) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(2)
    assert_no_neighbor_matters(adapter, classifier(adapter, checkpoint(name)))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("name", ["wav2vec2-mini", *POOLING])
def test_nor_does_it_with_any_pooling_and_weighted_layers(checkpoint: Any, name: str, pooling: str) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(2)
    assert_no_neighbor_matters(adapter, classifier(adapter, checkpoint(name), pooling=pooling, weighted_layers=True))


@pytest.mark.parametrize("positions", ["relative_key", "relative", "rotary"])
def test_nor_does_any_frame_of_wav2vec2_bert(tmp_path: Path, positions: str) -> None:
    """Show that transformers' own mask suffices, and that padding would matter without it."""
    folder = tiny_checkpoint("wav2vec2-bert", tmp_path, position_embeddings_type=positions)
    adapter = load_adapter(folder)
    encoder: Any = adapter.encoder(classifier(adapter, folder))
    features = [adapter.extract(speech(length, length)) for length in (2_000, 5_000, 16_111, 30_000)]
    together = adapter.collate(features)
    with torch.inference_mode():
        states = encoder(**together).last_hidden_state
        unmasked = encoder(together["input_features"]).last_hidden_state
        for row, feature in enumerate(features):
            inputs = adapter.collate([feature])
            count = int(adapter.batch_frames(inputs))
            alone = encoder(**inputs).last_hidden_state[0, :count]
            assert (alone - states[row, :count]).abs().max() < 1e-4
            assert row == 3 or (alone - unmasked[row, :count]).abs().max() > 1e-2


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 12_000), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_nor_does_it_for_any_mix_of_lengths(checkpoint: Any, lengths: list[int], seed: int) -> None:
    adapter, model = _group_norm(checkpoint)
    features = [adapter.extract(speech(length, seed + index)) for index, length in enumerate(lengths)]
    alone = np.concatenate([forward(model, TASK, adapter, adapter.collate([feature])) for feature in features])
    assert np.abs(alone - forward(model, TASK, adapter, adapter.collate(features))).max() < 1e-4


_BUILT: list[tuple[Adapter, Any]] = []


def _group_norm(checkpoint: Any) -> tuple[Adapter, Any]:
    if not _BUILT:
        adapter = load_adapter(checkpoint("wav2vec2-group"))
        _BUILT.append((adapter, classifier(adapter, checkpoint("wav2vec2-group"))))
    return _BUILT[0]


@pytest.mark.parametrize("name", ["wav2vec2-group", "data2vec"])
def test_plain_transformers_does_depend_on_neighbors_there(checkpoint: Any, name: str) -> None:
    """Keep the tests above honest: the same weights without our fitting fail them by far."""
    adapter = load_adapter(checkpoint(name))
    ours = classifier(adapter, checkpoint(name))
    plain = AutoModelForAudioClassification.from_pretrained(checkpoint(name), num_labels=len(LABELS)).eval()
    plain.load_state_dict(ours.state_dict())
    alone, together = answers(adapter, plain, (3_000, 25_000))
    assert np.abs(alone - together).max() > 1e-2


@pytest.mark.parametrize("name", ["wav2vec2-mini", *ALL])
def test_a_single_clip_gets_the_outputs_of_plain_transformers(checkpoint: Any, name: str, tmp_path: Path) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(2)
    model = classifier(adapter, checkpoint(name))
    model.save_pretrained(tmp_path)
    adapter.save_extractor(tmp_path)
    plain = AutoModelForAudioClassification.from_pretrained(tmp_path).eval()
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    for length in (4_000, 25_000, 32_000):
        wave = dequantize(*quantize(speech(length, length)))  # what is stored and heard has 16 bits
        inputs = extractor(wave, sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            theirs = plain(**inputs).logits.numpy()
        ours = forward(model, TASK, adapter, adapter.collate([adapter.extract(wave)]))
        assert np.abs(theirs - ours).max() < 1e-4


def test_a_cropped_whisper_keeps_its_window_through_saving(checkpoint: Any, tmp_path: Path) -> None:
    adapter = load_adapter(checkpoint("whisper")).with_window(2.3)
    assert adapter.window == 3
    model = classifier(adapter, checkpoint("whisper"))
    model.save_pretrained(tmp_path)
    adapter.save_extractor(tmp_path)
    again = load_adapter(str(tmp_path))
    assert again.window == again.longest_window == 3
    plain = AutoModelForAudioClassification.from_pretrained(tmp_path)
    assert plain.encoder.embed_positions.weight.shape == (150, 32)
    original = AutoModelForAudioClassification.from_pretrained(checkpoint("whisper"))
    torch.testing.assert_close(plain.encoder.embed_positions.weight, original.encoder.embed_positions.weight[:150])


# ---- short clips in training


@pytest.mark.parametrize("mask", [None, SpecAugment(), SpecAugment(0.9, 200, 0.9, 5_000)], ids=["own", "usual", "far"])
@pytest.mark.parametrize("name", ALL)
def test_short_clips_train_with_spec_augment_on(checkpoint: Any, name: str, mask: SpecAugment | None) -> None:
    adapter = load_adapter(checkpoint(name)).with_window(30)
    augments = [mask] if mask else []
    masking = adapter.mask_settings(augments, typical_length=20 * RATE)
    model = classifier(adapter, checkpoint(name), mask=masking).train()
    adapter = adapter.masking(masking)
    rng = np.random.default_rng(0)
    for lengths in ((1,), (100,), (399, 400), (400,), (720, 1_000), (100, 16_000)):
        features = [adapter.mask_features(adapter.extract(speech(length)), augments, rng) for length in lengths]
        logits = model(**adapter.collate(features)).logits
        assert torch.isfinite(logits).all()
        logits.sum().backward()


def test_masks_of_the_checkpoint_shrink_for_short_clips() -> None:
    adapter = load_adapter(MINI)
    for seconds in (0.1, 0.5, 1, 10):
        mask = adapter.mask_settings([], round(seconds * RATE))
        hidden = mask["mask_time_length"] * mask["mask_time_min_masks"]
        assert hidden <= adapter.frames(round(seconds * RATE)) / 5
    assert adapter.mask_settings([], 30 * RATE) == {"mask_time_length": 10, "mask_time_min_masks": 2}


# ---- doors


def test_the_rate_and_normalization_are_the_checkpoints_own(tmp_path: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    folder = tiny_checkpoint("hubert-group", tmp_path)
    Wav2Vec2FeatureExtractor(sampling_rate=8_000, do_normalize=False).save_pretrained(folder)
    adapter = load_adapter(folder)
    assert adapter.sample_rate == 8_000
    wave = speech(8_000)
    values = adapter.collate([adapter.extract(wave)])["input_values"][0, :8_000].numpy()
    assert np.abs(values - wave).max() < np.abs(wave).max() / 32_767


def test_an_unknown_family_says_what_there_is(tmp_path: Path) -> None:
    from transformers import AutoConfig

    AutoConfig.for_model("wav2vec2-conformer").save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"'wav2vec2-conformer' model.*wav2vec2.*Did you mean 'wav2vec2.*'\?"):
        load_adapter(str(tmp_path))


def test_a_folder_above_a_checkpoint_names_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint folder"):
        load_adapter(str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"holds no config\.json"):
        load_adapter(str(tmp_path))
    tiny_checkpoint("hubert-group", tmp_path / "model")
    with pytest.raises(InputError, match=r"Did you mean .*model"):
        load_adapter(str(tmp_path))


def test_a_checkpoint_without_extractor_says_so(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("hubert-group", tmp_path))
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"preprocessor_config\.json"):
        load_adapter(str(folder))


# ---- the real checkpoints


@pytest.mark.real
@pytest.mark.parametrize("head", [{}, {"pooling": "statistics", "weighted_layers": True}], ids=["plain", "rich"])
@pytest.mark.parametrize("name", ["wav2vec2-mini", "hubert-mini", "whisper-tiny.en", "whisper-tiny"])
def test_no_neighbor_matters_to_the_real_checkpoints(shared: Path, name: str, head: dict[str, Any]) -> None:
    folder = fetched_whisper(shared, name) if "whisper" in name else str(shared / "checkpoints" / name)
    adapter = load_adapter(folder).with_window(2)
    assert_no_neighbor_matters(adapter, classifier(adapter, folder, **head), LENGTHS[::2])


@pytest.mark.real
def test_real_whisper_features_and_texts_equal_those_of_transformers(shared: Path, tmp_path: Path) -> None:
    folder = fetched_whisper(shared, "whisper-tiny.en")
    adapter = load_adapter(folder).with_window(3)
    model = classifier(adapter, folder)
    model.save_pretrained(tmp_path)
    adapter.save_extractor(tmp_path)
    plain = AutoModelForAudioClassification.from_pretrained(tmp_path).eval()
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    for length in (8_000, 40_000, 47_900):
        inputs = extractor(speech(length), sampling_rate=RATE, return_tensors="pt")
        ours = adapter.collate([adapter.extract(speech(length))])
        torch.testing.assert_close(ours["input_features"], inputs["input_features"], rtol=0, atol=1e-6)
        with torch.inference_mode():
            theirs = plain(**inputs).logits.numpy()
        assert np.abs(theirs - forward(model, TASK, adapter, ours)).max() < 1e-4


def test_convolutions_above_the_layers_are_refused_with_a_sentence(tmp_path: Path) -> None:
    folder = tiny_checkpoint("wav2vec2-layer", tmp_path, add_adapter=True, output_hidden_size=32)
    with pytest.raises(InputError, match=r"convolutions above its layers \(add_adapter\)"):
        load_adapter(folder)
