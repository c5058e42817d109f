"""Measure what the linear probe gives: alone, and as the start and the lower limit of fine-tuning.

    python benchmarks/probe.py CHECKPOINT DATA... [--ways probe,random,default] [--seeds 1] [--set key=value]

For each data set, one line a way and seed: the scores of test and validation split, which weights were kept, and the
seconds of the whole training.

    probe     method=probe: the best frozen layer, nothing is fine-tuned
    random    probe=false: fine-tuning from a random head
    default   fine-tuning from the probe of the last layer; the better of that and the best probe on validation is kept
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from audio_ft import Data, Recipe, train

WAYS: dict[str, dict[str, Any]] = {"probe": {"method": "probe"}, "random": {"probe": False}, "default": {}}


def main() -> None:
    """Print a line for each data set, way and seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("data", nargs="+")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    for data in arguments.data:
        for way in arguments.ways.split(","):
            for seed in range(arguments.seeds):
                recipe = Recipe(model=arguments.checkpoint, data=Data(path=data), seed=seed, **WAYS[way])
                print(measured(recipe.override(arguments.set), way), flush=True)


def measured(recipe: Recipe, way: str) -> str:
    """Train in a temporary folder, and return the line of the table."""
    wall, own = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run = train(recipe, Path(folder) / "run")
    name = run.target.headline
    test, validation = (run.scores[split][name] for split in ("test", "validation"))
    return (
        f"{Path(recipe.model).name:<18}{Path(recipe.data.path).name:<14}{way:<9}seed {recipe.seed}  "
        f"{name} {test}, validation {validation.value:.3f}, {time.monotonic() - wall:.0f} s "
        f"({time.process_time() - own:.0f} s of processor time); kept {run.kept}"
    )


if __name__ == "__main__":
    main()
