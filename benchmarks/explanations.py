"""Measure whether explanations of a run are better than chance: deletion and insertion on its test recordings.

    python benchmarks/explanations.py RUN [--clips 100] [--seed 0]

The clips are evenly spaced over the test split. For each explanation, and for the order of loudness, which looks at no
model, it prints by how much the area under the curve is better than the mean of 19 random orders, with 95 % intervals
by clip, or by group where the run knows groups; paired, how much better than loudness; and the share of clips on which
all random orders are beaten. With wav2vec2-mini fine-tuned on digits (240 steps, accuracy 0.862), 100 clips, 1.5 s of
processor time each (one group in the test split, so by clip):

    order                 deletion                  than loudness             insertion                 than loudness
    occlusion             +0.340 [+0.319, +0.361]   +0.071 [+0.054, +0.087]   +0.335 [+0.319, +0.351]   +0.085
    integrated gradients  +0.313 [+0.292, +0.335]   +0.044 [+0.021, +0.067]   +0.228 [+0.187, +0.268]   -0.023
    loudness              +0.269 [+0.246, +0.293]                             +0.250 [+0.227, +0.273]

Areas of deletion: 0.116, 0.143 and 0.186, and 0.456 in random orders. By insertion, integrated gradients cannot be told
from loudness ([-0.074, +0.028]).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import audio_ft as aft
from audio_ft.evaluation.predictions import Predictions
from audio_ft.explaining.explain import Explanation, Explanations, explain
from audio_ft.explaining.faithfulness import ALARM, Faithfulness, faithfulness
from audio_ft.explaining.parts import Floats, Sound
from audio_ft.metrics.comparison import mean_difference
from audio_ft.metrics.units import resampling
from audio_ft.reporting.html.recordings import Recordings

KEYS = ("deletion", "insertion")
LOUDNESS = "loudness"


def loudness(sound: Sound) -> Floats:
    """Return the energy of each cell, (bands, spans)."""
    cells = np.eye(int(np.prod(sound.shape)), dtype=np.float32).reshape(-1, *sound.shape)
    return np.array([np.square(clip.samples).sum() for clip in sound.left(cells)]).reshape(sound.shape)


def control(item: Explanation) -> Faithfulness:
    """Return the curves of the order of loudness."""
    first = item.weighed[0].measured
    ends = np.stack([first.insertion[0], first.insertion[-1]])
    return faithfulness(item.sound, loudness(item.sound), first.label, ends, first.chance)


def explained(folder: Path, count: int, seed: int) -> Explanations:
    """Return the explanations of test recordings of a run, evenly spaced."""
    run = aft.Run.load(folder)
    table = Predictions.of(run).split("test").table
    rows = table.iloc[np.linspace(0, len(table) - 1, min(count, len(table))).astype(int)]
    recordings = Recordings.of(run)
    found = {file: clip for file in rows["file"] if (clip := recordings.raw(file))}
    groups = [None if group != group else group for group in rows.set_index("file").loc[list(found), "group"]]
    return explain(aft.load(folder), list(found.values()), names=list(found), groups=groups, seed=seed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.process_time()
    found = explained(arguments.run.expanduser(), arguments.clips, arguments.seed)
    seconds = (time.process_time() - started) / len(found)
    measured = {method: [each.measured for item in found for each in item.weighed if each.method == method]
                for method in found.faithfulness}  # fmt: skip
    measured[LOUDNESS] = [control(item) for item in found]
    print(f"{len(found)} clips, {seconds:.2f} s of processor time each; {resampling(found.groups)}")
    against = {key: np.array([each.gains[key] for each in measured[LOUDNESS]]) for key in KEYS}
    for method, faithful in measured.items():
        for key in KEYS:
            gains = np.array([each.gains[key] for each in faithful])
            area = np.mean([each.areas[key] for each in faithful])
            usual = np.mean([each.chance.areas.mean() for each in faithful])
            beaten = np.mean([each.p_values[key] <= ALARM for each in faithful])
            line = f"{method:<21} {key:<9} area {area:.3f}, random {usual:.3f}, better by "
            line += f"{mean_difference(gains, found.groups):+.3f}, beats all on {beaten:.2f}"
            if method != LOUDNESS and len(gains) == len(against[key]):
                line += f"; than loudness by {mean_difference(gains - against[key], found.groups):+.3f}"
            print(line)
    print(found.verdicts())


if __name__ == "__main__":
    main()
