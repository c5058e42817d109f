"""Accelerate reads the shipped configurations, and a launch that cannot work is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from checkpoints import MINI, WORDS

import audio_ft as aft
from audio_ft import Data, InputError, Recipe

CONFIGURATIONS = Path(__file__).parents[2] / "recipes" / "accelerate"
FOR_EIGHT = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
FSDP = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}
ZERO = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}


@pytest.mark.parametrize(("name", "kind"), [("ddp", "MULTI_GPU"), ("zero2", "DEEPSPEED"), ("fsdp2", "FSDP")])
def test_accelerate_reads_the_shipped_configurations(name: str, kind: str) -> None:
    found = load_config_from_file(str(CONFIGURATIONS / f"{name}.yaml"))
    assert found.distributed_type == kind
    assert found.deepspeed_config.get("zero_stage") == (2 if name == "zero2" else None)
    assert {path.stem for path in CONFIGURATIONS.iterdir()} == {"ddp", "zero2", "fsdp2"}


@pytest.mark.parametrize(
    ("environment", "settings", "message"),
    [
        (FOR_EIGHT, {}, "asked for several processes and started one.*torchrun"),
        (FSDP, {}, "average_weights=false"),
        (FSDP, {"average_weights": False}, "FSDP is for several GPUs.*torchrun on processors"),
        (FSDP, {"average_weights": False, "peft": "lora"}, "peft=lora: FSDP divides weights that learn.*ddp"),
        (FSDP | {"FSDP_VERSION": "1"}, {}, "only FSDP2.*fsdp2.yaml"),
        ({}, {"training": {"fsdp": True}}, "fsdp: leave it out.*fsdp2.yaml"),
        (ZERO | {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, {}, "ZeRO-3 divides the weights.*zero2"),
        (ZERO, {}, "average_weights=false"),
    ],
)
def test_a_launch_that_cannot_work_is_refused(
    environment: dict[str, str],
    settings: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message):
        aft.train(Recipe(model=MINI, data=Data(path=WORDS), **settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()
