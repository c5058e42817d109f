"""What holds for every augmentation, known or to come, and whether each does to the sound what its settings say."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import pickle
from typing import TYPE_CHECKING

import librosa
import numpy as np
import pytest
import scipy.signal
import scipy.stats
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.augmentation import BandLimit, Gain, Mixup, Noise, PitchShift, Shift, SpecAugment, Speed, TimeStretch
from audio_ft.augmentation.base import (
    Augment,
    FeatureAugment,
    WaveAugment,
    apply_features,
    apply_wave,
    generator,
)
from audio_ft.augmentation.mixup import blend
from audio_ft.errors import AudioError, InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16_000
ALL = sorted(Augment.registered().values(), key=lambda kind: kind.__name__)
WAVE = [kind for kind in ALL if issubclass(kind, WaveAugment)]
FEATURES = [kind for kind in ALL if issubclass(kind, FeatureAugment)]


def speech(length: int = RATE, seed: int = 0) -> NDArray[np.float32]:
    """Return float32 (time,): noise with the rough spectrum and loudness of speech."""
    rng = np.random.default_rng(seed)
    wave = scipy.signal.lfilter([1], [1, -0.9], rng.standard_normal(length)) * 0.05
    return wave.astype(np.float32)


def tone(hertz: float, seconds: float = 1.0, rate: int = RATE) -> NDArray[np.float32]:
    """Return float32 (time,): a sine of amplitude 0.5."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def peak_hertz(samples: NDArray[np.float32], rate: int = RATE) -> float:
    """Return the strongest frequency of the middle of a clip, to about 0.1 Hz."""
    middle = samples[len(samples) // 8 : -len(samples) // 8]
    size = 10 * rate
    return float(np.abs(np.fft.rfft(middle * np.hanning(len(middle)), size)).argmax() * rate / size)


def power(samples: NDArray[np.floating]) -> float:
    """Return the mean square."""
    return float(np.mean(samples.astype(np.float64) ** 2))


def clips() -> dict[str, NDArray[np.float32]]:
    """Return the clips that break careless code."""
    lengths = (2, 3, 10, 100, 399, 511, 513, 1600)
    return {
        "empty": np.zeros(0, np.float32),
        "one sample": np.full(1, 0.5, np.float32),
        "silent": np.zeros(RATE, np.float32),
        "constant": np.full(RATE // 4, 0.5, np.float32),
        "faint": speech() * np.float32(1e-20),
        "loud": speech() * np.float32(1e3),
    } | {f"{length} samples": speech(length) for length in lengths}


# --- the contract, for every registered augmentation ---


def test_exported_augmentations_are_registered() -> None:
    assert {"Gain", "Noise", "Shift", "Speed", "PitchShift", "TimeStretch", "BandLimit", "SpecAugment", "Mixup"} <= set(
        Augment.registered()
    )


@pytest.mark.parametrize("kind", ALL)
def test_survives_json_and_pickle(kind: type[Augment]) -> None:
    augment = kind(probability=0.25)
    assert Augment.from_dict(json.loads(json.dumps(augment.to_dict()))) == augment
    assert pickle.loads(pickle.dumps(augment)) == augment
    assert augment.to_dict()["augment"] == kind.__name__
    assert hash(augment) == hash(kind(probability=0.25))


@pytest.mark.parametrize("kind", ALL)
def test_is_frozen_and_documented(kind: type[Augment]) -> None:
    augment = kind()
    with pytest.raises(dataclasses.FrozenInstanceError):
        augment.probability = 1.0  # type: ignore[misc]
    assert len(inspect.getdoc(kind) or "") > 60
    assert "%" in augment.describe()
    assert "\n" not in augment.describe()


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan, "half", True, None])
@pytest.mark.parametrize("kind", ALL)
def test_invalid_probability_is_rejected(kind: type[Augment], probability: float) -> None:
    with pytest.raises(InputError, match=rf"{kind.__name__}.probability: expected a number from 0 to 1, got"):
        kind(probability=probability)


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("clip", clips())
@pytest.mark.parametrize("kind", WAVE)
def test_wave_augmentation_handles_unusual_clips(kind: type[WaveAugment], clip: str, rate: int) -> None:
    samples = clips()[clip]
    before = samples.copy()
    samples.setflags(write=False)
    augment = kind(probability=1.0)
    for seed in range(3):
        changed = augment(samples, rate, generator(seed, 0, 0))
        assert changed.dtype == np.float32
        assert changed.ndim == 1
        assert np.isfinite(changed).all()
        assert (len(changed) == 0) == (len(samples) == 0)
        assert np.array_equal(changed, augment(samples, rate, generator(seed, 0, 0)))
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("kind", WAVE)
def test_wave_augmentation_respects_probability_zero_and_one(kind: type[WaveAugment]) -> None:
    samples = speech()
    for seed in range(10):
        assert np.array_equal(kind(probability=0.0)(samples, RATE, generator(seed, 0, 0)), samples)
        assert not np.array_equal(kind(probability=1.0)(samples, RATE, generator(seed, 0, 0)), samples)


@pytest.mark.parametrize("kind", WAVE)
def test_wave_augmentation_keeps_silence_silent(kind: type[WaveAugment]) -> None:
    assert not kind(probability=1.0)(np.zeros(RATE, np.float32), RATE, generator(1, 0, 0)).any()


@pytest.mark.parametrize("shape", [(80, 3000), (80, 1), (1, 20), (4, 4), (80, 0)])
@pytest.mark.parametrize("kind", FEATURES)
def test_feature_augmentation_handles_unusual_shapes(kind: type[FeatureAugment], shape: tuple[int, int]) -> None:
    features = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    before = features.copy()
    features.setflags(write=False)
    changed = kind(probability=1.0)(features, generator(3, 1, 2))
    assert changed.dtype == np.float32
    assert changed.shape == shape
    assert np.isfinite(changed).all()
    assert np.array_equal(changed, kind(probability=1.0)(features, generator(3, 1, 2)))
    assert np.array_equal(kind(probability=0.0)(features, generator(3, 1, 2)), features)
    assert np.array_equal(features, before)


def test_probability_one_half_changes_half_the_clips() -> None:
    samples = speech(400)
    changed = sum(not np.array_equal(Gain()(samples, RATE, generator(0, 0, i)), samples) for i in range(1000))
    assert scipy.stats.binomtest(changed, 1000, 0.5).pvalue > 1e-3


# --- settings and errors ---


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"augment": "Nois"}, r"unknown augment 'Nois'\. Did you mean 'Noise'"),
        ({"db": 6}, 'augment: expected {"augment": name, …}, got {.db.: 6}'),
        ({"augment": "Noise", "srn": [10, 30]}, r"Noise has no setting 'srn'\. Did you mean 'snr'"),
        (
            {"augment": "Gain", "db": "6"},
            r"Gain.db: expected a number from 0 to 60 or \(lowest, highest\) within -60 to 60, got '6'",
        ),
        (
            {"augment": "Gain", "db": [6, -6]},
            r"Gain.db: expected .* or \(lowest, highest\) within -60 to 60, got \[6, -6\]",
        ),
        ({"augment": "Noise", "snr": 10}, r"Noise.snr: expected \(lowest, highest\)"),
        ({"augment": "Noise", "kind": "purple"}, "Noise.kind: expected one of white, pink, brown, any, got 'purple'"),
        ({"augment": "Speed", "range": [0, 1]}, "Speed.range: expected"),
        ({"augment": "TimeStretch", "range": [0.9, 1.0, 1.1]}, "TimeStretch.range: expected"),
        ({"augment": "PitchShift", "semitones": 40}, "PitchShift.semitones: expected"),
        ({"augment": "Shift", "seconds": math.inf}, "Shift.seconds: expected"),
        ({"augment": "BandLimit", "low": [100, 4000]}, "BandLimit.low: expected a range that ends below"),
        ({"augment": "BandLimit", "order": 2.5}, "BandLimit.order: expected a whole number from 1 to 12"),
        ({"augment": "SpecAugment", "time_share": 1.5}, "SpecAugment.time_share: expected"),
        ({"augment": "SpecAugment", "time_length": 0}, "SpecAugment.time_length: expected a whole number from 1"),
        ({"augment": "Mixup", "alpha": 0}, "Mixup.alpha: expected"),
    ],
)
def test_invalid_setting_is_explained_in_one_sentence(data: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Augment.from_dict(data)


def test_other_settings_survive_json() -> None:
    for augment in (
        Gain(db=(-3, 0)),
        Noise(snr=(5, 5), kind="pink", folder="noises"),
        BandLimit(low=(300, 300), high=(3400, 3400), order=6),
        SpecAugment(time_share=0.3, probability=0.1),
    ):
        assert Augment.from_dict(json.loads(json.dumps(augment.to_dict()))) == augment


def test_int_and_float_are_the_same_setting() -> None:
    for whole, decimal in ((Gain(6), Gain(6.0)), (Noise(snr=(10, 30)), Noise(snr=[10.0, 30.0]))):
        assert json.dumps(whole.to_dict()) == json.dumps(decimal.to_dict())


def test_describes_itself_for_the_card() -> None:
    assert Gain(6).describe() == "gain of ±6 dB (50% of the clips)"
    assert Noise(kind="pink").describe() == "pink noise at an SNR of 10 to 30 dB (50% of the clips)"


# --- chance ---


def test_generator_depends_on_seed_epoch_and_clip() -> None:
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 2**31)]
    first = [generator(*key).random() for key in keys]
    assert len(set(first)) == len(keys)
    assert first == [generator(*key).random() for key in keys]
    with pytest.raises(ValueError, match="non-negative"):
        generator(0, -1, 0)


def test_wave_augmentations_run_in_order() -> None:
    samples = speech()
    louder, noisy = Gain(db=(6, 6), probability=1.0), Noise(snr=(10, 10), kind="white", probability=1.0)
    by_hand = generator(1, 2, 3)
    expected = noisy(louder(samples, RATE, by_hand), RATE, by_hand)
    assert np.array_equal(
        apply_wave((SpecAugment(), louder, Mixup(), noisy), samples, RATE, generator(1, 2, 3)), expected
    )
    assert not np.allclose(apply_wave((noisy, louder), samples, RATE, generator(1, 2, 3)), expected)
    assert apply_wave((), samples, RATE, generator(0, 0, 0)) is samples


def test_augmentation_of_a_clip_does_not_depend_on_earlier_ones() -> None:
    augments = (Gain(), Noise(), Speed(), PitchShift(), Shift())
    straight = [apply_wave(augments, speech(seed=i), RATE, generator(7, 1, i)) for i in range(6)]
    resumed = [apply_wave(augments, speech(seed=i), RATE, generator(7, 1, i)) for i in (5, 4, 3)]
    assert all(np.array_equal(a, b) for a, b in zip(straight[:2:-1], resumed, strict=True))


def test_samples_must_be_one_float_channel() -> None:
    for samples in (np.zeros((2, 100), np.float32), np.zeros(100, np.int16)):
        with pytest.raises(InputError, match=r"expected float32 samples \(time,\)"):
            apply_wave((Gain(),), samples, RATE, generator(0, 0, 0))
    assert apply_wave((Gain(),), np.ones(100, np.float16), RATE, generator(0, 0, 0)).dtype == np.float32


# --- does the sound change as stated? ---


@settings(deadline=None, max_examples=25)
@given(db=st.floats(-40, 40))
def test_gain_is_exact(db: float) -> None:
    samples = speech()
    changed = Gain(db=(db, db), probability=1.0)(samples, RATE, generator(0, 0, 0))
    rms = [librosa.feature.rms(y=wave, frame_length=RATE, center=False).max() for wave in (samples, changed)]
    assert 20 * math.log10(rms[1] / rms[0]) == pytest.approx(db, abs=1e-3)


def test_gain_draws_fill_the_stated_range_evenly() -> None:
    one = np.ones(1, np.float32)
    gain = Gain(6, probability=1.0)
    drawn = [20 * math.log10(gain(one, RATE, generator(0, 0, i))[0]) for i in range(500)]
    assert scipy.stats.kstest(drawn, scipy.stats.uniform(-6, 12).cdf).pvalue > 1e-3


@settings(deadline=None, max_examples=40)
@given(snr=st.floats(-10, 50), kind=st.sampled_from(["white", "pink", "brown", "any"]), length=st.integers(200, 20_000))
def test_measured_snr_equals_the_drawn_one(snr: float, kind: str, length: int) -> None:
    samples = speech(length)
    noisy = Noise(snr=(snr, snr), kind=kind, probability=1.0)(samples, RATE, generator(0, 0, length))
    noise = noisy.astype(np.float64) - samples
    assert 10 * math.log10(power(samples) / power(noise)) == pytest.approx(snr, abs=0.1)


@pytest.mark.parametrize(("kind", "slope"), [("white", 0), ("pink", -1), ("brown", -2)])
def test_noise_has_the_spectrum_of_its_kind(kind: str, slope: float) -> None:
    samples = tone(1000, seconds=20)
    noise = Noise(snr=(0, 0), kind=kind, probability=1.0)(samples, RATE, generator(0, 0, 0)) - samples
    hertz, density = scipy.signal.welch(noise, RATE, nperseg=2048)
    band = (hertz > 50) & (hertz < 6000)
    assert np.polyfit(np.log(hertz[band]), np.log(density[band]), 1)[0] == pytest.approx(slope, abs=0.1)


def test_kind_any_draws_every_kind() -> None:
    samples = tone(1000)
    noises = [Noise(probability=1.0)(samples, RATE, generator(0, 0, i)) - samples for i in range(30)]
    low = [
        power(scipy.signal.sosfilt(scipy.signal.butter(4, 1000, fs=RATE, output="sos"), n)) / power(n) for n in noises
    ]
    assert min(low) < 0.2
    assert max(low) > 0.95
    assert any(0.5 < share < 0.9 for share in low)


@pytest.fixture
def noises(tmp_path: Path) -> Path:
    """Return a folder, two levels deep, with one stereo hum at 44.1 kHz and one mono hum at 16 kHz, and a text."""
    (tmp_path / "deep").mkdir()
    hum = np.stack([tone(440, 3, 44_100), tone(440, 3, 44_100)], axis=1)
    soundfile.write(tmp_path / "deep" / "a.wav", hum, 44_100)
    soundfile.write(tmp_path / "b.FLAC", tone(3000, 0.5), RATE, format="FLAC")
    (tmp_path / "about.txt").write_text("hums")
    return tmp_path


def test_recorded_noise_keeps_its_pitch_and_the_drawn_snr(noises: Path) -> None:
    samples = speech(2 * RATE)
    augment = Noise(snr=(12, 12), folder=str(noises), probability=1.0)
    augment.prepare()
    peaks = set()
    for index in range(12):
        noise = augment(samples, RATE, generator(0, 0, index)) - samples
        assert 10 * math.log10(power(samples) / power(noise)) == pytest.approx(12, abs=0.1)
        peaks.add(round(peak_hertz(noise), -1))
    assert peaks == {440, 3000}
    assert np.array_equal(augment(samples, RATE, generator(0, 0, 5)), augment(samples, RATE, generator(0, 0, 5)))


def test_every_part_of_a_long_recording_is_drawn(tmp_path: Path) -> None:
    parts = [tone(hertz, seconds, 8_000) for hertz, seconds in ((300, 30), (600, 30), (900, 10))]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), 8_000)
    samples = speech(RATE // 4)
    augment = Noise(snr=(0, 0), folder=str(tmp_path), probability=1.0)
    noises = [augment(samples, RATE, generator(0, 0, i)) - samples for i in range(60)]
    assert {round(peak_hertz(noise), -2) for noise in noises} == {300, 600, 900}


def test_folder_without_usable_noise_is_explained(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="has no recordings; check its path"):
            Noise(folder=str(folder)).prepare()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(AudioError, match=r"x\.wav"):
        Noise(folder=str(tmp_path / "broken")).prepare()


@pytest.mark.parametrize("seconds", [0.05, -0.05, 0.0])
def test_shift_moves_and_fills_with_zeros(seconds: float) -> None:
    samples, moved = speech(), round(seconds * RATE)
    changed = Shift(seconds=(seconds, seconds), probability=1.0)(samples, RATE, generator(0, 0, 0))
    expected = np.roll(samples, moved)
    if moved > 0:
        expected[:moved] = 0
    elif moved < 0:
        expected[moved:] = 0
    assert np.array_equal(changed, expected)


def test_shift_leaves_most_of_a_short_clip() -> None:
    samples = np.arange(1, 101, dtype=np.float32)
    kept = [np.count_nonzero(Shift(1.0, probability=1.0)(samples, RATE, generator(0, 0, i))) for i in range(50)]
    assert min(kept) == 75


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("factor", [0.9, 0.97, 1.1, 1.5])
def test_speed_changes_length_and_pitch(factor: float, rate: int) -> None:
    changed = Speed((factor, factor), probability=1.0)(tone(1000, rate=rate), rate, generator(0, 0, 0))
    assert len(changed) == pytest.approx(rate / factor, abs=1)
    assert peak_hertz(changed, rate) == pytest.approx(1000 * factor, abs=0.5)
    assert power(changed) == pytest.approx(power(tone(1000)), rel=0.01)


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
def test_time_stretch_changes_length_and_keeps_pitch(factor: float, rate: int) -> None:
    changed = TimeStretch((factor, factor), probability=1.0)(tone(440, rate=rate), rate, generator(0, 0, 0))
    assert len(changed) == pytest.approx(rate / factor, abs=1)
    assert peak_hertz(changed, rate) == pytest.approx(440, abs=1)
    assert power(changed) == pytest.approx(power(tone(440)), rel=0.2)


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
@pytest.mark.parametrize("semitones", [-4, -1, 0.5, 2, 7])
def test_pitch_shift_moves_a_tone_by_semitones_and_keeps_length(semitones: float, rate: int) -> None:
    changed = PitchShift((semitones, semitones), probability=1.0)(tone(440, rate=rate), rate, generator(0, 0, 0))
    assert len(changed) == rate
    moved = librosa.hz_to_midi(peak_hertz(changed, rate)) - librosa.hz_to_midi(440)
    assert moved == pytest.approx(semitones, abs=0.05)


@pytest.mark.parametrize("rate", [8_000, RATE, 44_100])
def test_band_limit_keeps_the_band_and_dampens_the_rest(rate: int) -> None:
    telephone = BandLimit(low=(300, 300), high=(3400, 3400), probability=1.0)
    for hertz, low, high in ((60, 0, 0.01), (300, 0.48, 0.52), (1000, 0.99, 1.01), (3400, 0.48, 0.52)):
        changed = telephone(tone(hertz, rate=rate), rate, generator(0, 0, 0))
        middle = slice(rate // 4, -rate // 4)
        ratio = math.sqrt(power(changed[middle]) / power(tone(hertz, rate=rate)[middle]))
        assert low <= ratio <= high
        if hertz == 1000:
            assert np.abs(changed - tone(hertz, rate=rate))[middle].max() < 0.01, "a delay would move the tone"
    if rate > 14_000:
        assert power(telephone(tone(7000, rate=rate), rate, generator(0, 0, 0))[middle]) < 1e-4 * power(tone(7000))


def test_band_limit_leaves_out_an_edge_above_half_the_rate() -> None:
    wide = BandLimit(low=(300, 300), high=(7000, 7000), probability=1.0)
    kept = wide(tone(3900, rate=8_000), 8_000, generator(0, 0, 0))
    assert power(kept) == pytest.approx(power(tone(3900)), rel=0.02)
    samples = speech(500)
    assert np.array_equal(wide(samples, 500, generator(0, 0, 0)), samples)


# --- SpecAugment ---


@settings(deadline=None, max_examples=60)
@given(
    frames=st.integers(1, 300),
    share=st.floats(0, 0.9),
    length=st.integers(1, 60),
    seed=st.integers(0, 10**6),
)
def test_spec_augment_masks_at_most_its_share_of_frames(frames: int, share: float, length: int, seed: int) -> None:
    features = np.random.default_rng(seed).standard_normal((80, frames)).astype(np.float32)
    augment = SpecAugment(time_share=share, time_length=length, frequency_share=share, frequency_length=length)
    changed = augment(features, generator(seed, 0, 0))
    hidden = changed != features
    assert np.allclose(changed[hidden], features.astype(np.float64).mean(), atol=1e-6)
    assert hidden.all(axis=0).sum() <= share * frames
    bands = hidden.all(axis=1).sum() if not hidden.all(axis=0).all() else 0
    assert bands <= share * 80
    outside = hidden[~hidden.all(axis=1)][:, ~hidden.all(axis=0)]
    assert not outside.any(), "only whole frames and whole bands are hidden"


def test_spec_augment_spans_have_a_maximum_length() -> None:
    features = np.random.default_rng(0).standard_normal((80, 1000)).astype(np.float32)
    time_only = SpecAugment(time_share=0.02, time_length=20, frequency_share=0)
    shares = []
    for index in range(200):
        frames = np.flatnonzero((time_only(features, generator(0, 0, index)) != features).all(axis=0))
        assert 1 <= len(frames) <= 20
        assert len(frames) == frames[-1] - frames[0] + 1
        shares.append(len(frames))
    assert min(shares) < 4
    assert max(shares) > 17


def test_apply_features_runs_feature_augmentations_only() -> None:
    features = np.random.default_rng(0).standard_normal((80, 200)).astype(np.float32)
    changed = apply_features((Gain(), SpecAugment(), Mixup()), features, generator(0, 0, 0))
    assert np.array_equal(changed, SpecAugment()(features, generator(0, 0, 0)))
    assert not np.array_equal(changed, features)


@pytest.mark.parametrize("frames", [15, 20, 30, 49, 500])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_model_config_does_not_mask_most_of_a_short_clip(frames: int, share: float) -> None:
    from transformers import Wav2Vec2Config
    from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

    settings_ = SpecAugment(time_share=share, time_length=10).as_config(frames)
    config = Wav2Vec2Config(**settings_)
    np.random.seed(frames)  # transformers draws its masks from the global state
    assert config.to_dict().items() >= settings_.items()
    masks = [
        _compute_mask_indices(
            (8, frames), config.mask_time_prob, config.mask_time_length, min_masks=config.mask_time_min_masks
        )
        for _ in range(200)
    ]
    assert config.mask_time_length <= 10
    assert np.mean(masks) <= share * 1.1
    assert np.max(np.mean(masks, axis=2)) <= share + max(1, share * frames) / frames
    assert np.mean(masks) > share * 0.6


def test_model_config_scales_with_probability() -> None:
    assert SpecAugment(probability=0.0).as_config(50)["mask_time_prob"] == 0
    assert SpecAugment(probability=0.5, time_share=0.2).as_config(50)["mask_time_prob"] == pytest.approx(0.1)


# --- mixup ---


def test_mixup_draws_partners_and_weights() -> None:
    partner, own = Mixup(alpha=0.4, probability=1.0).weights(4000, generator(0, 0, 0))
    assert sorted(partner) == list(range(4000))
    assert own.dtype == np.float32
    folded = scipy.stats.beta(0.4, 0.4)
    assert scipy.stats.kstest(own, lambda x: folded.cdf(x) - folded.cdf(1 - x)).pvalue > 1e-3


def test_mixup_respects_probability() -> None:
    assert (Mixup(probability=0.0).weights(100, generator(0, 0, 0))[1] == 1).all()
    blended = (Mixup(alpha=1.0, probability=0.3).weights(2000, generator(0, 0, 0))[1] < 1).sum()
    assert scipy.stats.binomtest(int(blended), 2000, 0.3).pvalue > 1e-3
    for size in (0, 1):
        partner, own = Mixup().weights(size, generator(0, 0, 0))
        assert len(partner) == len(own) == size


def test_blend_mixes_inputs_and_targets_in_numpy_and_torch() -> None:
    import torch

    rng = np.random.default_rng(0)
    partner, own = Mixup(alpha=1.0, probability=1.0).weights(6, rng)
    for values in (rng.random((6, 80, 30)), np.eye(6), rng.random(6)):
        before = values = values.astype(np.float32)
        mixed = blend(values, partner, own)
        for i in range(6):
            assert np.allclose(mixed[i], own[i] * values[i] + (1 - own[i]) * values[partner[i]], atol=1e-6)
        in_torch = blend(torch.from_numpy(values), torch.from_numpy(partner), torch.from_numpy(own))
        assert np.allclose(in_torch.numpy(), mixed, atol=1e-6)
        assert values is before
    labels = blend(np.eye(6, dtype=np.float32), partner, own)
    assert np.allclose(labels.sum(axis=1), 1)
    assert (labels.argmax(axis=1) == np.arange(6)).all()
