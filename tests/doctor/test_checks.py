"""Each check finds its fault in a real recording and nothing else, and nothing in the original."""

import io

import numpy as np
import pytest
import soundfile

from audio_ft.audio.clip import Clip, probe, read, write
from audio_ft.audio.resampling import resample
from audio_ft.data.probe import Probed
from audio_ft.doctor.checks import CHECKS, HISS_DB, of_samples
from audio_ft.doctor.measure import PIECE_SECONDS, measure

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def speech(shared):
    return read(shared / "data" / "emotion_de" / "train" / "03a01Fa.flac")


def checked(source):
    """Return what is found in a file or its content."""
    about = probe(source)
    header, measured = Probed("", rate=about.rate, seconds=about.seconds), measure(source)
    return {check.name for check in CHECKS if check.found(header, measured)}


def plain(samples, rate=16_000):
    """Return the content of a WAV file with 16 bits."""
    content = io.BytesIO()
    soundfile.write(content, np.atleast_2d(samples).T, rate, format="WAV", subtype="PCM_16")
    return content.getvalue()


def noisy(wave):
    noise = np.random.default_rng(0).standard_normal(wave.shape) * np.sqrt(np.mean(wave**2) / 10)
    return (wave + noise) / 2


def humming(wave):
    time = np.arange(wave.size) / 16_000
    return wave / 2 + 0.02 * sum(np.sin(2 * np.pi * hertz * time) for hertz in (50, 100, 150))


def stereo(left, right):
    return np.concatenate([left, right])


FAULTS = {
    "silent": lambda wave: 0 * wave,
    "near-silent": lambda wave: wave * 0.003,
    "clipped": lambda wave: np.clip(wave, -0.3, 0.3) / 2,
    "coarse": lambda wave: np.round(wave * 120) / 128,
    "DC offset": lambda wave: wave / 2 + 0.05,
    "hiss": noisy,
    "hum": humming,
    "anti-phase": lambda wave: stereo(wave / 2, -wave / 2),
    "dead channel": lambda wave: stereo(wave / 2, 0 * wave),
    "mono as stereo": lambda wave: stereo(wave / 2, wave / 2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_no_other(speech, name):
    assert checked(plain(speech.samples)) == set()
    assert checked(plain(FAULTS[name](speech.samples))) == {name}


def test_faults_of_files_are_found(speech, tmp_path):
    assert checked(plain(resample(resample(speech, 8_000), 16_000).samples)) == {"up-sampled"}
    assert checked(plain(speech.samples, rate=14_321)) == {"unusual rate"}
    assert checked(plain(speech.samples)[:30_000]) == {"truncated"}
    soundfile.write(tmp_path / "unit.wav", speech.samples[0] * 32768, 16_000, subtype="FLOAT")
    assert "outside full scale" in checked(str(tmp_path / "unit.wav"))
    pause = np.zeros((1, 16_000 * 20), np.float32)
    assert checked(plain(np.concatenate([speech.samples, pause], axis=1))) == {"mostly silent"}


def test_what_is_too_short_is_called_so_and_not_hiss_or_hum(speech):
    loud = int(np.abs(speech.samples[0]).argmax())
    short = speech.samples[:, loud - 3_000 : loud + 3_000]  # 0.375 s
    noise = np.random.default_rng(0).standard_normal(short.shape) * np.sqrt(np.mean(short**2))
    for ratio, expected in ((14.0, set()), (5.0, {"hiss"})):
        content = plain((short + noise * 10 ** (-ratio / 20)) / 2)
        assert checked(content) == expected
        header, one = Probed("a.wav", rate=16_000), measure(content)
        said = {finding.name: finding for finding in of_samples([header], [one])}["too short to judge"]
        assert said.severity == "info"
        assert ("1 recording for hiss" in said.sentence) == (not expected)
        assert "1 recording for hum" in said.sentence


def test_the_noise_of_eight_bits_is_named_once(speech):
    dither = np.random.default_rng(0).uniform(-1, 1, speech.samples.shape)
    coarse = np.round(speech.samples / np.abs(speech.samples).max() * 20 + dither) / 128
    assert checked(plain(coarse)) >= {"coarse"}
    assert "hiss" not in checked(plain(coarse))
    assert measure(plain(coarse)).hiss > HISS_DB


def test_long_recordings_are_measured_in_pieces(speech, tmp_path):
    repeated = Clip(np.tile(speech.samples, 35), 16_000)
    assert repeated.seconds > PIECE_SECONDS
    write(repeated, tmp_path / "long.flac")
    long, short = measure(str(tmp_path / "long.flac")), measure(plain(speech.samples))
    assert long.seconds == 70
    assert long.loudness == pytest.approx(short.loudness, abs=0.5)
    assert (long.peak, long.bandwidth) == (short.peak, short.bandwidth)
    assert long.snr == pytest.approx(short.snr, abs=3)


def test_names_are_unique_and_each_has_a_way_out():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.fix and check.words for check in CHECKS)
