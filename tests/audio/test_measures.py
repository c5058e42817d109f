"""Measurements of one recording: loudness against that of FFmpeg, the others by planted faults."""

import av
import numpy as np
import pytest

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.faults import clipped_share, hiss_level, hum_level, true_bandwidth
from audio_ft.audio.loudness import integrated_loudness
from audio_ft.audio.resampling import resample


@pytest.fixture(scope="module")
def speech(shared):
    """Return a sentence of emotion_de: two seconds at 16 kHz."""
    return read(shared / "data" / "emotion_de" / "train" / "03a01Fa.flac")


def as_16_bits(clip, samples=None):
    samples = clip.samples if samples is None else samples
    return clip.with_samples(np.clip(np.rint(samples * 32768), -32768, 32767) / 32768)


def ffmpeg_loudness(clip):
    """Return the integrated loudness that FFmpeg's filter ebur128 finds, to a thousandth."""
    graph = av.filter.Graph()
    layout = {1: "mono", 2: "stereo"}[clip.channels]
    source = graph.add_abuffer(sample_rate=clip.rate, format="fltp", layout=layout, time_base=f"1/{clip.rate}")
    meter, sink = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(clip.samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts = clip.rate, 0
    source.push(frame)
    source.push(None)
    found = None
    while True:
        try:
            found = sink.pull().metadata.get("lavfi.r128.I", found)
        except (av.error.EOFError, av.error.BlockingIOError):
            return float(found)


@pytest.mark.real
@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_that_of_ffmpeg(speech, rate, channels):
    quiet = np.concatenate([speech.samples, speech.samples * 0.01, np.zeros((1, 32_000), np.float32)], axis=1)
    clip = resample(speech.with_samples(np.repeat(quiet, channels, axis=0) / 2), rate)
    assert integrated_loudness(clip) == pytest.approx(ffmpeg_loudness(clip), abs=0.05)


def test_silence_has_no_loudness():
    assert integrated_loudness(Clip.silence(1.0)) is None
    assert integrated_loudness(Clip.noise(1.0, dbfs=-80)) is None


@pytest.mark.real
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("gain", [1.0, 0.5, 0.05])
def test_clipped_samples_are_counted_whatever_came_after(speech, share, gain):
    level = np.quantile(np.abs(speech.samples), 1 - share)
    clipped = as_16_bits(speech, np.clip(speech.samples, -level, level) / level * gain)
    # One polarity may have too few clipped samples to be sure of them.
    assert share / 3 < clipped_share(clipped) <= 1.3 * share
    assert clipped_share(as_16_bits(speech, speech.samples * gain)) == 0


def test_coarse_samples_are_not_clipped():
    coarse = np.round(Clip.noise(1.0, dbfs=-20).samples * 128) / 128
    assert clipped_share(Clip(coarse, 16_000)) == 0


@pytest.mark.real
@pytest.mark.parametrize(("low", "high"), [(8_000, 16_000), (16_000, 22_050), (8_000, 48_000)])
def test_bandwidth_is_half_of_the_rate_before_up_sampling(speech, low, high):
    found = true_bandwidth(as_16_bits(resample(resample(speech, low), high)))
    assert 0.8 * low / 2 < found < 1.05 * low / 2


@pytest.mark.real
def test_speech_as_it_was_recorded_has_its_bandwidth(speech):
    assert true_bandwidth(speech) > 0.9 * 8_000
    assert true_bandwidth(resample(speech, 8_000)) > 0.9 * 4_000
    assert true_bandwidth(Clip.silence(1.0)) is None
    assert true_bandwidth(Clip.noise(0.01)) is None


@pytest.mark.real
@pytest.mark.parametrize("snr", [5, 10, 15])
def test_hiss_is_half_of_the_noise(speech, snr):
    noise = np.random.default_rng(0).standard_normal(speech.samples.shape)
    noise *= np.sqrt(np.mean(np.square(speech.samples)) / 10 ** (snr / 10))
    expected = -10 * np.log10(2 * (1 + 10 ** (snr / 10)))
    assert hiss_level(speech.with_samples(speech.samples + noise)) == pytest.approx(expected, abs=1.5)
    assert hiss_level(speech) < -30


@pytest.mark.real
@pytest.mark.parametrize("mains", [50, 60])
def test_hum_stands_out(speech, mains):
    time = np.arange(speech.length) / speech.rate
    hum = sum(np.sin(2 * np.pi * harmonic * mains * time) for harmonic in (1, 2, 3))
    hum *= np.sqrt(np.mean(np.square(speech.samples)) / np.mean(np.square(hum))) * 10 ** (-10 / 20)
    assert hum_level(speech.with_samples(speech.samples + hum)) > 17
    assert hum_level(speech) < 12
    assert hum_level(speech.with_samples(speech.samples[:, :8_000])) is None
