"""Catch a step whose samples changed while its `version` did not: then old caches and saved models lie.

tests/golden/steps.json holds what each step, with the settings written there, made of one synthetic recording.
After a change that is meant, raise `version` in the step's class and run

    python tests/cleaning/test_golden_steps.py

which writes down the steps whose version is new (and steps added to CASES), and refuses to touch the others.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import (
    BandPass,
    Denoise,
    HighPass,
    Loudness,
    LowPass,
    Mono,
    Normalize,
    PreEmphasis,
    Resample,
    Trim,
    TrimVoice,
    WaveletDenoise,
)

GOLDEN = Path(__file__).parent / "golden" / "steps.json"
COMMAND = "python tests/cleaning/test_golden_steps.py"

# Libraries differ between releases and processors in the last bits; an edited step does not stop there.
TOLERANCE = 2e-4

CASES = {
    "resample": Resample(16_000),
    "resample up": Resample(48_000),
    "mono": Mono(),
    "mono, second channel": Mono(channel=1),
    "trim": Trim(),
    "trim, tight": Trim(top_db=25, min_seconds=0.0, pad_seconds=0.0, highpass=60),
    "trim, at least a second": Trim(min_seconds=1.0),
    "lowpass": LowPass(3_000),
    "highpass": HighPass(200),
    "bandpass": BandPass(),
    "bandpass, telephone": BandPass(300, 3_400, order=2),
    "normalize, peak": Normalize("peak", dbfs=-1),
    "normalize, rms": Normalize("rms", dbfs=-20),
    "normalize, rms held back": Normalize("rms", dbfs=-3),
    "normalize, minmax": Normalize("minmax"),
    "preemphasis": PreEmphasis(),
    "denoise": Denoise(),
    "denoise, strong": Denoise(reduction_db=30, threshold_db=6, quantile=0.1),
    "wavelet": WaveletDenoise(),
    "wavelet, strong": WaveletDenoise(strength=1.5),
    "loudness": Loudness(),
    "loudness held back": Loudness(lufs=-5),
    # What sounds like a voice to the network is between thresholds of 0.05 and 0.1, whatever its last bits are.
    "trim to voice": TrimVoice(threshold=0.08),
    "trim to voice, none": TrimVoice(),
}


def recording() -> Clip:
    """Return 1.2 s of stereo at 22,050 Hz from formulas alone: a gliding voice, hiss, hum, an offset and a pause.

    The hiss is a sum of many sines at irrational steps, so that no release of a random generator can change it.
    """
    rate = 22_050
    time = np.arange(round(1.2 * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 2.3 * time)) / rate
    loud = np.clip(np.minimum(time - 0.3, 0.85 - time) / 0.02, 0, 1)
    voice = 0.2 * loud * sum(np.sin(k * phase) / k for k in range(1, 30))
    hiss = sum(np.sin(2 * np.pi * (97.0 + 61.803398875 * k) * time + k * k * 2.399963) for k in range(160))
    hum = 0.01 * np.sin(2 * np.pi * 50 * time)
    left = voice + 3e-5 * hiss + hum + 0.01
    right = 0.6 * np.roll(voice, 40) - 2e-5 * hiss + hum - 0.02
    return Clip(np.stack([left, right]), rate)


def snapshot(step: Step) -> dict[str, object]:
    """Return what the step made of `recording()`: form, notes, level and every so many samples of each channel."""
    made = step(recording())
    every = max(1, made.length // 97)
    samples = made.samples.astype(np.float64)
    return {
        "made_by": step.to_dict(),
        "rate": made.rate,
        "shape": list(made.samples.shape),
        "notes": list(made.notes),
        "rms": [round(math.sqrt(value), 6) for value in np.square(samples).mean(axis=1)],
        "every": every,
        "samples": [[round(value, 5) for value in channel[::every].tolist()] for channel in samples],
    }


def stored() -> dict[str, dict]:
    return json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}


def differences(old: dict, new: dict) -> list[str]:
    """Return in words where two accounts of one step part by more than the tolerance."""
    found = [f"{key}: {old[key]} -> {new[key]}" for key in ("rate", "shape", "notes", "every") if old[key] != new[key]]
    if not found:
        for key in ("rms", "samples"):
            apart = float(np.abs(np.array(old[key]) - np.array(new[key])).max())
            if apart > TOLERANCE:
                found.append(f"{key} differ by up to {apart:.2g}")
    return found


def renew() -> str:
    """Write down the cases that are new or whose step has a new version; return what to do about the others."""
    old, new, stuck = stored(), {}, []
    for name, step in CASES.items():
        account = snapshot(step)
        before = old.get(name)
        # Unchanged accounts stay to the last digit, so that a new version of one step is a small diff.
        if before is None or before["made_by"] != account["made_by"]:
            new[name] = account
        else:
            new[name] = before
            if differences(before, account):
                stuck.append(f"{name}: {type(step).__name__} makes other samples, raise its version")
    if stuck:
        return "\n".join(stuck)
    entries = (f"{json.dumps(name)}: {json.dumps(account)}" for name, account in new.items())
    GOLDEN.write_text("{\n" + ",\n".join(entries) + "\n}\n", encoding="utf-8")
    return ""


@pytest.mark.parametrize("name", CASES)
def test_samples_equal_the_stored_ones_of_the_version(name):
    old = stored().get(name)
    assert old, f"nothing written down for {name!r}: run `{COMMAND}`"
    step = CASES[name]
    assert old["made_by"] == step.to_dict(), f"new version or settings: run `{COMMAND}` and look at the difference"
    changed = differences(old, snapshot(step))
    assert not changed, (
        f"{type(step).__name__} version {step.version} makes other samples than it did ({'; '.join(changed)}): "
        f"undo the edit, or raise `version` in its class and run `{COMMAND}`"
    )


def test_stored_samples_cover_exactly_the_steps():
    shipped = {
        name for name, step in Step.registered().items() if step.__module__.startswith("audio_ft.cleaning.steps.")
    }
    assert {type(step).__name__ for step in CASES.values()} == shipped
    assert set(stored()) == set(CASES)


@pytest.mark.parametrize(
    "edit",
    [
        lambda samples: samples * 1.01,
        lambda samples: np.roll(samples, 1, axis=1),
        lambda samples: samples + 0.001,
        lambda samples: samples[:, :-1],
        lambda samples: -samples,
    ],
    ids=["1 % louder", "late by one sample", "an offset", "one sample short", "turned over"],
)
def test_small_change_of_a_step_is_detected(monkeypatch, edit):
    honest = BandPass.__call__
    monkeypatch.setattr(BandPass, "__call__", lambda self, clip: clip.with_samples(edit(honest(self, clip).samples)))
    assert differences(stored()["bandpass"], snapshot(CASES["bandpass"]))


def test_changed_step_needs_a_new_version(monkeypatch):
    before = GOLDEN.read_bytes()
    honest = BandPass.__call__
    monkeypatch.setattr(BandPass, "__call__", lambda self, clip: clip.with_samples(0.9 * honest(self, clip).samples))
    assert "bandpass: BandPass makes other samples, raise its version" in renew()
    assert GOLDEN.read_bytes() == before


if __name__ == "__main__":
    sys.exit(renew())
