"""Features: librosa's own values, a gammatone filterbank as scipy builds it, and a table that tells the truth."""

from __future__ import annotations

import warnings

import librosa
import numpy as np
import pytest
from scipy.fft import dct
from scipy.signal import freqz, get_window, lfilter
from scipy.signal import gammatone as scipy_gammatone

from audio_ft import Clip, InputError, read
from audio_ft.audio.features import FEATURES, LogMel, compute, gammatone, get_feature
from audio_ft.audio.features.registry import feature_table
from tests.checkpoints import WORDS, speech

RATES = (8_000, 16_000, 44_100)


def clip_at(rate: int) -> Clip:
    """Return a second of something like speech, at any rate, with a silent end."""
    samples = np.concatenate([speech(rate), np.zeros(rate // 10, np.float32)])
    return Clip(samples, rate)


def grid(clip: Clip) -> dict:
    return {"sr": clip.rate, "n_fft": round(0.025 * clip.rate), "hop_length": round(0.010 * clip.rate)}


def by_librosa(name: str, clip: Clip) -> np.ndarray:
    """Compute a feature by librosa alone."""
    wave, at = clip.samples[0], grid(clip)
    frame = {"frame_length": at["n_fft"], "hop_length": at["hop_length"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mfcc = librosa.feature.mfcc(y=wave, n_mfcc=20, n_mels=40, **at)
        levels = np.abs(librosa.stft(wave, n_fft=at["n_fft"], hop_length=at["hop_length"])) / (at["n_fft"] / 4)
        bands = min(6, int(np.ceil(np.log2(clip.rate / 2 / 200))))
        return {
            "waveform": lambda: clip.samples,
            "spectrogram": lambda: librosa.amplitude_to_db(levels, ref=1.0, amin=1e-6, top_db=None),
            "mel": lambda: librosa.power_to_db(librosa.feature.melspectrogram(y=wave, n_mels=80, **at), top_db=None),
            "mfcc": lambda: mfcc,
            "mfcc_delta": lambda: librosa.feature.delta(mfcc, mode="nearest"),
            "mfcc_delta2": lambda: librosa.feature.delta(mfcc, order=2, mode="nearest"),
            "chroma": lambda: librosa.feature.chroma_stft(
                y=wave, sr=clip.rate, n_fft=round(0.1 * clip.rate), hop_length=at["hop_length"], tuning=0.0
            ),
            "zero_crossing_rate": lambda: librosa.feature.zero_crossing_rate(wave, **frame),
            "rms": lambda: librosa.feature.rms(y=wave, **frame),
            "spectral_centroid": lambda: librosa.feature.spectral_centroid(y=wave, **at),
            "spectral_bandwidth": lambda: librosa.feature.spectral_bandwidth(y=wave, **at),
            "spectral_rolloff": lambda: librosa.feature.spectral_rolloff(y=wave, roll_percent=0.85, **at),
            "spectral_contrast": lambda: librosa.feature.spectral_contrast(y=wave, n_bands=bands, **at),
        }[name]()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", [name for name in FEATURES if name != "gfcc"])
def test_feature_equals_librosa(name, rate):
    clip = clip_at(rate)
    ours, theirs = get_feature(name)(clip), by_librosa(name, clip)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * max(1.0, float(np.abs(theirs).max()) * 1e-2))


@pytest.mark.parametrize("rate", RATES)
def test_all_features_share_one_frame_grid(rate):
    clip = clip_at(rate)
    frames = 1 + clip.length // round(0.010 * rate)
    for name, array in compute(clip).items():
        # An odd window leaves out the half sample at the end.
        assert abs(array.shape[1] - frames) <= 1, name


def test_mel_equals_the_array_of_prepare():
    clip = clip_at(16_000)
    np.testing.assert_array_equal(get_feature("mel")(clip), LogMel()(clip))


def test_full_scale_sine_has_zero_dbfs_in_its_bin():
    levels = get_feature("spectrogram")(Clip.tone(1_000, 1.0, dbfs=0.0))
    assert levels[25, 50] == pytest.approx(0.0, abs=0.01)  # bins are 40 Hz apart
    assert get_feature("rms")(Clip.tone(1_000, 1.0, dbfs=0.0))[0, 50] == pytest.approx(np.sqrt(0.5), abs=1e-3)


@pytest.mark.parametrize("center", [0, 10, 30, 63])
def test_gammatone_response_equals_scipy(center):
    rate = 48_000
    hz = np.linspace(1, 16_000, 3_000)
    at = float(gammatone.centers(rate)[center])
    taps, _ = scipy_gammatone(at, "fir", order=4, numtaps=16_384, fs=rate)
    _, theirs = freqz(taps, worN=hz, fs=rate)
    ours = gammatone.response(at, hz)
    assert np.abs(ours - theirs).max() < 2e-3
    assert abs(gammatone.response(at, np.array([at]))[0]) == pytest.approx(1, abs=0.01)


def scipys_amplitudes(clip: Clip) -> np.ndarray:
    """Filter in time with scipy's gammatone, and take the weighted mean square of each frame."""
    window, hop = round(0.025 * clip.rate), round(0.010 * clip.rate)
    weights = get_window("hann", window)
    bands = []
    for center in gammatone.centers(clip.rate):
        taps, _ = scipy_gammatone(center, "fir", order=4, numtaps=clip.rate // 8, fs=clip.rate)
        filtered = np.pad(lfilter(taps, 1.0, clip.samples[0].astype(np.float64)), window // 2)
        frames = np.lib.stride_tricks.sliding_window_view(filtered**2, window)[::hop]
        bands.append(np.sqrt(frames @ weights / weights.sum()))
    return np.array(bands)


def test_gfcc_equal_those_of_scipys_filterbank():
    # A rate at which scipy's sampled impulse responses do not alias.
    clip = clip_at(32_000)
    theirs = scipys_amplitudes(clip)
    ours = gammatone.amplitudes(clip.samples[0], clip.rate, window=800, hop=320)
    assert ours.shape == theirs.shape
    loud = theirs > 1e-3 * theirs.max()
    assert np.abs(20 * np.log10(ours[loud] / theirs[loud])).max() < 0.5
    cepstra = dct(np.cbrt(theirs), type=2, norm="ortho", axis=0)[:20]
    gfcc = get_feature("gfcc")(clip)
    assert np.abs(gfcc - cepstra).max() < 0.01 * np.abs(cepstra).max()
    for row, (one, other) in enumerate(zip(gfcc, cepstra, strict=True)):
        assert np.corrcoef(one, other)[0, 1] > 0.999, row


def test_gfcc_do_not_depend_on_the_filtering_blocks():
    clip = Clip.noise(5.0, seed=1)
    whole, late = get_feature("gfcc")(clip), get_feature("gfcc")(clip.with_samples(clip.samples[:, 16_000:]))
    np.testing.assert_allclose(whole[:, 100 + 30 : 480], late[:, 30:380], atol=5e-4)


def test_center_frequencies_are_evenly_spaced_in_erb():
    centers = gammatone.centers(16_000)
    scale = 21.4 * np.log10(1 + 0.00437 * centers)
    np.testing.assert_allclose(np.diff(scale), np.diff(scale)[0], rtol=1e-9)
    assert centers[0] == pytest.approx(50)
    assert centers[-1] < 8_000
    assert float(gammatone.bandwidth(1_000)) == pytest.approx(132.6, abs=0.1)  # Glasberg and Moore's own example


@pytest.mark.parametrize("name", FEATURES)
def test_table_has_shape_unit_and_source(name):
    feature = FEATURES[name]
    assert feature.name == name
    assert all((feature.title, feature.what, feature.shape, feature.unit, feature.source))
    rows, columns = feature.shape.partition(")")[0].strip("(").split(", ")
    array = feature(clip_at(16_000))
    assert columns == ("time" if name == "waveform" else "frames")
    if rows.isdigit():
        assert array.shape[0] == int(rows)
    assert bool(feature.rows) == (array.shape[0] > 1 or name == "waveform")
    assert name in "\n".join(feature_table())
    assert feature.unit in "\n".join(feature_table())


@pytest.mark.parametrize(
    "clip",
    [Clip.tone(440, 0.001), Clip(np.ones((1, 1), np.float32), 16_000), Clip.silence(0.5), Clip.noise(0.5, 1_000)],
    ids=["16 samples", "one sample", "silence", "1 kHz of rate"],
)
def test_short_silent_and_low_clips_have_finite_features_without_a_warning(clip):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, array in compute(clip, FEATURES).items():
            assert np.isfinite(array).all(), name
            assert array.size, name


def test_channels_are_averaged_first():
    clip = clip_at(16_000)
    twice = Clip(np.repeat(clip.samples, 2, axis=0), clip.rate)
    np.testing.assert_allclose(get_feature("mfcc")(twice), get_feature("mfcc")(clip), atol=1e-3)


def test_empty_clip_unknown_name_and_low_rate_are_explained():
    with pytest.raises(InputError, match="empty clip"):
        get_feature("mfcc")(Clip.silence(0))
    with pytest.raises(InputError, match="Did you mean 'mfcc'"):
        get_feature("mfc")
    with pytest.raises(InputError, match="a rate of 400 Hz is too low"):
        get_feature("spectral_contrast")(Clip.noise(1, 400))


def test_features_of_a_spoken_word_look_like_speech():
    clip = read(f"{WORDS}/test/en-029_grandpa_down.ogg")
    values = compute(clip, ["spectral_centroid", "zero_crossing_rate", "chroma"])
    assert 300 < values["spectral_centroid"].mean() < 4_000
    assert 0 <= values["zero_crossing_rate"].min() <= values["zero_crossing_rate"].max() < 0.7
    assert values["chroma"].max() == pytest.approx(1)
