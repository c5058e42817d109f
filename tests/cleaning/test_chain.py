"""Chain: order, digest, saving and reading back, and what the default chain does to a recording."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.steps import BandPass, HighPass, Mono, Normalize, Resample, Trim
from audio_ft.errors import InputError


def recording(rate: int = 44_100, channels: int = 2) -> Clip:
    """Return half a second of a buzz between two silences, with hiss and an offset."""
    generator = np.random.default_rng(0)
    time = np.arange(rate // 2) / rate
    buzz = 0.1 * sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 12))
    wave = np.concatenate([np.zeros(rate // 2), buzz, np.zeros(rate)])
    return Clip(wave + 1e-5 * generator.standard_normal((channels, len(wave))) + 0.02, rate)


def test_runs_its_steps_in_order():
    clip = recording()
    expected = clip
    for step in DEFAULT_CHAIN.steps:
        expected = step(expected)
    got = DEFAULT_CHAIN(clip)
    assert np.allclose(got.samples, expected.samples, rtol=0, atol=1e-6)
    assert (got.rate, got.notes) == (expected.rate, expected.notes)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (44_100, 2), (48_000, 6)])
def test_default_chain_gives_mono_at_16_khz(rate, channels):
    got = DEFAULT_CHAIN(recording(rate, channels))
    assert (got.rate, got.channels) == (16_000, 1)
    assert got.seconds == pytest.approx(0.65, abs=0.05)
    assert np.abs(got.samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-6)
    assert abs(got.samples.mean()) < 1e-3
    assert DEFAULT_CHAIN.output_rate(rate) == got.rate


def test_default_chain_has_the_documented_steps():
    kinds = [type(step) for step in DEFAULT_CHAIN.steps]
    assert kinds == [Resample, Mono, Trim, BandPass, Normalize]
    assert Chain([Resample(16_000), Mono(), Trim(top_db=40), BandPass(50, 7_600), Normalize(dbfs=-1)]) == DEFAULT_CHAIN


def test_empty_chain_changes_nothing():
    clip = recording()
    assert Chain()(clip) is clip
    assert Chain().output_rate(44_100) == 44_100
    assert Chain([]) == Chain()


def test_steps_run_in_any_order():
    clip = recording()
    for turn in range(5):
        steps = DEFAULT_CHAIN.steps[turn:] + DEFAULT_CHAIN.steps[:turn]
        got = Chain(steps)(clip)
        assert got.rate == Chain(steps).output_rate(clip.rate) == 16_000
        assert np.isfinite(got.samples).all()


def test_output_rate_is_that_of_the_last_resampling():
    assert Chain((Resample(8_000), Mono(), Resample(24_000), Trim())).output_rate(44_100) == 24_000
    assert Chain((Mono(),)).output_rate(44_100) == 44_100


def test_trace_yields_the_clip_after_each_step():
    clip = recording()
    shown = list(DEFAULT_CHAIN.trace(clip))
    assert [step for step, _ in shown] == list(DEFAULT_CHAIN.steps)
    # The chain runs Mono before Resample, which takes half the time.
    assert np.allclose(shown[-1][1].samples, DEFAULT_CHAIN(clip).samples, rtol=0, atol=1e-6)
    lengths = [after.seconds for _, after in shown]
    assert lengths[1] == pytest.approx(2.0, abs=1e-3)
    assert lengths[2] == pytest.approx(0.65, abs=0.05)


def test_digest_depends_on_settings_order_and_versions(monkeypatch):
    chain = Chain((Resample(), Trim(top_db=40)))
    assert chain.digest == Chain([Resample(16_000), Trim(top_db=40.0)]).digest
    others = {
        chain.digest,
        Chain((Resample(), Trim(top_db=41))).digest,
        Chain((Trim(top_db=40), Resample())).digest,
        Chain((Resample(),)).digest,
        Chain().digest,
    }
    assert len(others) == 5
    assert all(len(digest) == 64 for digest in others)
    monkeypatch.setattr(Trim, "version", Trim.version + 1)
    assert chain.digest not in others


def test_digest_is_the_same_in_another_process():
    result = subprocess.run(
        [sys.executable, "-c", "from audio_ft.cleaning.chain import DEFAULT_CHAIN; print(DEFAULT_CHAIN.digest)"],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == DEFAULT_CHAIN.digest


def test_importing_the_chain_imports_no_heavy_library():
    heavy = "{'torch', 'transformers', 'datasets', 'librosa', 'scipy', 'sklearn', 'soundfile', 'av', 'pandas'}"
    code = f"import sys, audio_ft.cleaning.chain; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_chain_survives_list_json_pickle_and_disk(tmp_path):
    chain = Chain((*DEFAULT_CHAIN.steps, HighPass(80), Mono(channel=0)))
    assert Chain(json.loads(json.dumps(chain.to_list()))) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert hash(pickle.loads(pickle.dumps(chain))) == hash(chain)
    chain.save(tmp_path / "chain.json")
    assert Chain.load(tmp_path / "chain.json") == chain
    assert Chain.load(str(tmp_path / "chain.json")).digest == chain.digest
    assert os.listdir(tmp_path) == ["chain.json"]


def test_saving_is_atomic(tmp_path, monkeypatch):
    path = tmp_path / "chain.json"
    DEFAULT_CHAIN.save(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="no space left on the disk"):
        Chain().save(path)
    assert Chain.load(path) == DEFAULT_CHAIN
    assert os.listdir(tmp_path) == ["chain.json"]


def test_saved_chain_is_readable_by_other_users(tmp_path):
    DEFAULT_CHAIN.save(tmp_path / "chain.json")
    assert (tmp_path / "chain.json").stat().st_mode & 0o444 == 0o444


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no such file"),
        ("not json", "not valid JSON"),
        ("\udcff", "not valid JSON"),
        ("[]", "expected a JSON object, got list"),
        ('{"format": 2, "steps": {}}', "chain.steps: expected a list of cleaning steps, got {}"),
        ('{"steps": []}', "was written by audio_ft 0.1, and 0.2 reads its own files only. Train again, or use"),
        ('{"format": 1, "steps": []}', "was written by audio_ft 0.1"),
        ('{"format": 3, "steps": []}', "expected format 2, got 3; upgrade audio-ft"),
        ('{"format": 2, "steps": ["Trim"]}', """step: expected {"step": name, …}, got 'Trim'"""),
        ('{"format": 2, "steps": [{"step": "Trimm"}]}', "unknown step 'Trimm'"),
        (
            '{"format": 2, "steps": [{"step": "Trim", "version": 99}]}',
            "step Trim was saved as version 99, .*: upgrade audio_ft",
        ),
        (
            '{"format": 2, "steps": [{"step": "Trim", "version": 0}]}',
            "step Trim was saved as version 0, .*cleans differently",
        ),
        (
            '{"format": 2, "steps": [{"step": "Trim", "top_db": "loud"}]}',
            "Trim.top_db: expected a number above 0 dB, got 'loud'",
        ),
    ],
)
def test_load_error_names_the_file_and_the_fix(tmp_path, text, says):
    path = tmp_path / "chain.json"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=says) as result:
        Chain.load(path)
    assert str(result.value).startswith(str(path))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((Trim,), r'step: expected {"step": name, …}, got <class .*Trim\'>; write Trim\(\)'),
        (("Trim",), "got 'Trim'"),
        ((DEFAULT_CHAIN,), r"got Chain\("),
    ],
)
def test_chain_rejects_what_is_not_a_step(wrong, says):
    with pytest.raises(InputError, match=says):
        Chain(wrong)
    for one in (Trim(), "Trim"):
        with pytest.raises(InputError, match="expected a list of cleaning steps"):
            Chain(one)


def test_chain_describes_itself_in_one_sentence():
    assert DEFAULT_CHAIN.describe() == (
        "Each recording is cleaned like this: resample to 16,000 Hz, average the channels, cut leading and trailing "
        "silence (40 dB below the loudest sound), keep 50 to 7,600 Hz, then bring the peak to -1 dBFS."
    )
    assert Chain((Mono(),)).describe() == "Each recording is cleaned like this: average the channels."
    assert Chain().describe() == "The recordings are used as they are."


def test_variants_are_made_with_replace():
    gentle = replace(DEFAULT_CHAIN, steps=tuple(s for s in DEFAULT_CHAIN.steps if not isinstance(s, Trim)))
    assert gentle(recording()).seconds == pytest.approx(2.0, abs=1e-3)


@pytest.mark.real
def test_digits_keep_most_of_their_duration(shared):
    import soundfile

    before = after = 0.0
    for path in sorted((shared / "data" / "digits" / "train").glob("*.wav"))[::40]:
        wave, rate = soundfile.read(path, dtype="float32")
        clip = Clip(wave, rate)
        got = DEFAULT_CHAIN(clip)
        assert got.seconds >= min(0.1, clip.seconds)
        before, after = before + clip.seconds, after + got.seconds
    assert after / before > 0.95
