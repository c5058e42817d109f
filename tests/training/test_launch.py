"""Accelerate reads the shipped configurations, and a launch that cannot work is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from checkpoints import MINI, WORDS

import audio_ft as aft
from audio_ft import Data, InputError, Recipe

CONFIGURATIONS = Path(__file__).parents[2] / "recipes" / "accelerate"
FOR_EIGHT = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
ZERO = {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2"}


@pytest.mark.parametrize(("name", "kind"), [("ddp", "MULTI_GPU"), ("zero2", "DEEPSPEED")])
def test_accelerate_reads_the_shipped_configurations(name: str, kind: str) -> None:
    found = load_config_from_file(str(CONFIGURATIONS / f"{name}.yaml"))
    assert found.distributed_type == kind
    assert found.deepspeed_config.get("zero_stage") == (2 if name == "zero2" else None)
    assert {path.stem for path in CONFIGURATIONS.iterdir()} == {"ddp", "zero2"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (FOR_EIGHT, "asked for several processes and started one.*torchrun"),
        ({"ACCELERATE_USE_FSDP": "true"}, "FSDP divides the weights.*zero2"),
        (ZERO | {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, "ZeRO-3 divides the weights.*zero2"),
        (ZERO, "average_weights=false"),
    ],
)
def test_a_launch_that_cannot_work_is_refused(
    environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message):
        aft.train(Recipe(model=MINI, data=Data(path=WORDS)), tmp_path / "run")
    assert not (tmp_path / "run").exists()
