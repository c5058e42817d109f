"""Speed: what is timed is what was asked, and the figures fit together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import audio_ft as aft
from audio_ft.audio.clip import Clip
from audio_ft.inference import benchmark as speed


class Clock:
    """Stand in for the clock of this machine, which other work on it would disturb."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    return clock


class Sleeper:
    """Stand in for a model that takes 20 ms for each call and 10 ms more for each recording."""

    precision = "float32"
    torch_network = staticmethod(lambda use: SimpleNamespace(device=SimpleNamespace(type="cpu")))

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[int] = []

    def __call__(self, sources: Any) -> list[dict[str, float]]:
        count = len(sources) if isinstance(sources, list) else 1
        self.calls.append(count)
        self.clock.now += 0.02 + 0.01 * count
        return [{}] * count


def test_recordings_are_timed_alone_and_together_after_a_warm_up(clock, monkeypatch):
    monkeypatch.setattr(speed, "TOGETHER", 3)
    model: Any = Sleeper(clock)
    found = speed.measure(model, [Clip.tone(440, 0.5)] * 3 + [Clip.tone(440, 1.5)] * 3)
    assert model.calls == [1] * speed.WARM_UP + [1] * 6 + [3, 3]
    assert (found.n, found.batch, found.seconds) == (6, 3, pytest.approx(1.0))
    assert found.median == found.p95 == pytest.approx(0.03)
    assert found.batch_median == pytest.approx(0.05 / 3)
    assert found.real_time_factor == pytest.approx(found.median, rel=0.5)  # 1 s of audio a clip on average
    assert found.batch_real_time_factor < found.real_time_factor
    assert found.threads >= 1
    assert found.processor
    assert found.accelerator_memory is None


def test_a_slow_model_is_not_waited_for(clock, monkeypatch):
    monkeypatch.setattr(speed, "MOST_SECONDS", 0.1)
    model: Any = Sleeper(clock)
    found = speed.measure(model, [Clip.tone(440, 1.0)] * 20)
    assert found.n < 6
    # Warm-up and batches are no longer than what is measured: eight together would take 100 ms and more.
    assert found.batch <= 3
    assert sum(model.calls) < 16
    assert found.real_time_factor == pytest.approx(found.median, rel=0.5)


def test_the_peak_of_memory_is_that_of_this_process(clock):
    model: Any = Sleeper(clock)
    found = speed.measure(model, [Clip.tone(440, 0.1)])
    assert found.memory is None or 10e6 < found.memory < 100e9


def test_recordings_that_cannot_be_read_are_left_out(clock, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"no audio")
    model: Any = Sleeper(clock)
    assert speed.measure(model, [tmp_path / "broken.wav", Clip.tone(440, 0.1)]).n == 1
    with pytest.raises(aft.InputError, match="none of these recordings"):
        speed.measure(model, [tmp_path / "broken.wav"])
