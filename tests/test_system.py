"""One choice of device for training and prediction, and numbers with units as people read them."""

import contextlib
import gc
import os
from types import SimpleNamespace

import pytest
import torch

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.formatting import format_duration, format_size
from audio_ft.system.machine import device_names, pick_device, precision, prepare_for_torch, rare_collections


def machine_with(monkeypatch, kind, count=1):
    """Let torch see accelerators of a kind; None: a machine without."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: kind is not None)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_: kind and torch.device(kind))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count if kind else 0)


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_the_accelerator_is_taken_whatever_its_kind(monkeypatch, kind):
    machine_with(monkeypatch, kind)
    assert pick_device() == pick_device(kind) == kind
    assert pick_device("cpu") == "cpu"
    assert pick_device(f"{kind}:0") == f"{kind}:0"


def test_without_an_accelerator_the_processor_is_taken(monkeypatch):
    machine_with(monkeypatch, None)
    assert pick_device() == "cpu"
    assert device_names() == []


@pytest.mark.parametrize(
    ("kind", "count", "wanted", "known"),
    [
        (None, 0, "cuda", "use one of cpu, or"),
        ("mps", 1, "cuda", "use one of cpu, mps, or"),
        ("cuda", 2, "cuda:2", "use one of cpu, cuda:0 to cuda:1, or"),
        ("cuda", 2, "gpu", "use one of cpu, cuda:0 to cuda:1, or"),
    ],
)
def test_a_device_that_is_not_there_is_named_with_those_that_are(monkeypatch, kind, count, wanted, known):
    machine_with(monkeypatch, kind, count)
    with pytest.raises(InputError, match=f"no '{wanted}'; {known} leave it out"):
        pick_device(wanted)


def test_prediction_takes_the_device_that_training_takes(small_run, monkeypatch):
    used = []
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: used.append(device) or self)
    machine_with(monkeypatch, "xpu")
    aft.load(small_run)
    aft.load(small_run, device="cpu")
    assert used == ["xpu", "cpu"]
    with pytest.raises(InputError, match="no 'cuda'"):
        aft.load(small_run, device="cuda")


def test_precision_follows_the_device(monkeypatch):
    machine_with(monkeypatch, "mps")
    assert precision() == "float32"
    assert precision("bf16") == "bf16"
    machine_with(monkeypatch, "xpu")
    monkeypatch.setattr(torch, "xpu", SimpleNamespace(is_bf16_supported=lambda: True))
    assert precision() == "bf16"
    machine_with(monkeypatch, "cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert precision() == "fp16"
    monkeypatch.setattr("audio_ft.system.machine.cpu_has_bf16", lambda: False)
    assert precision(device="cpu") == "float32"


def test_accelerators_have_names_with_or_without_one_of_their_own(monkeypatch):
    machine_with(monkeypatch, "cuda", 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"board {index}")
    assert device_names() == ["board 0", "board 1"]
    machine_with(monkeypatch, "mps")
    assert device_names()[0].endswith("(MPS)")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.00 s"), (0.0042, "4 ms"), (0.42, "420 ms"), (1, "1.00 s"), (12.34, "12.3 s"), (252, "4.2 min"),
     (5508, "1.53 h"), (7_200_000, "2,000.00 h")],
)  # fmt: skip
def test_durations_read_well(seconds, words):
    assert format_duration(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (512, "512 bytes"), (3_400_000, "3.4 MB"), (2.5e12, "2,500.0 GB")]
)
def test_sizes_read_well(size, words):
    assert format_size(size) == words


def test_threads_that_wait_give_up_their_processor_unless_the_user_decides(monkeypatch):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    prepare_for_torch()
    assert os.environ["GOMP_SPINCOUNT"] == "1000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    prepare_for_torch()
    assert os.environ["GOMP_SPINCOUNT"] == "5"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    prepare_for_torch()
    assert "GOMP_SPINCOUNT" not in os.environ


def test_large_arrays_lie_in_large_pages_unless_the_user_decides(monkeypatch):
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    prepare_for_torch()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    prepare_for_torch()
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "0"


def test_python_collects_less_often_within_the_context_alone():
    """A command sets the threshold back, whatever ends it."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        with contextlib.suppress(ZeroDivisionError), rare_collections():
            assert gc.get_threshold()[0] > 700
            assert gc.isenabled()
            raise ZeroDivisionError
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*before)
