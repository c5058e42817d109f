"""How often a slice is flagged although none is weaker, and how often a weak one is found.

    python benchmarks/slice_alarms.py [--draws 1000]

Every draw is a test split of a classifier with the same accuracy everywhere, divided by four columns into 18 slices, by
clip or in groups whose clips are right or wrong together. Alarm: some slice is flagged, which should happen in at most
5 % of the draws (`audio_ft.evaluation.slices`). Naive: some slice's plain 95 % interval is below the score of the other
clips. Found: in the last line one slice of six is weaker, and flagged.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import pandas as pd

from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.slices import slices
from audio_ft.targets import Label

COLUMNS = {"room": 2, "device": 4, "language": 6, "age": 6}
LABELS = ("no", "yes")


def drawn(rng: np.random.Generator, clips: int, right: float, groups: int, icc: float, weak: float) -> Predictions:
    """Return a test split; groups differ in accuracy (beta, correlation `icc`), one of six ages is `weak` lower."""
    member = rng.integers(0, groups, clips) if groups else np.arange(clips)
    spread = (1 - icc) / icc if icc else 0.0
    skill = rng.beta(right * spread, (1 - right) * spread, groups or clips) if icc else np.full(groups or clips, right)
    meta = {name: rng.integers(0, parts, clips) for name, parts in COLUMNS.items()}
    hit = rng.random(clips) < skill[member] - weak * (meta["age"] == 0)
    truth = rng.integers(0, 2, clips)
    said = np.where(hit, truth, 1 - truth)
    rows = [json.dumps({name: f"{name} {values[clip]}" for name, values in meta.items()}) for clip in range(clips)]
    return Predictions(
        pd.DataFrame(
            {
                "group": [f"g{one}" for one in member] if groups else None,
                "reference": [LABELS[one] for one in truth],
                "probabilities": list(np.eye(2)[said]),
                "meta": rows,
            }
        ),
        Label(LABELS),
    )


def main() -> None:
    """Print one line per setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    print(f"{'clips':>6}{'groups':>8}{'right':>7}{'icc':>6}{'weaker':>8}{'alarm':>8}{'naive':>8}{'found':>8}")
    settings = [(500, 0, 0.9, 0.0, 0.0), (500, 0, 0.98, 0.0, 0.0), (500, 20, 0.9, 0.1, 0.0), (500, 0, 0.9, 0.0, 0.25)]
    for clips, groups, right, icc, weak in settings:
        alarms = naive = hits = 0
        for seed in range(draws):
            found = slices(drawn(np.random.default_rng(seed), clips, right, groups, icc, weak), list(COLUMNS))
            out = [one for one in found if one.stands_out]
            hits += any(one.value == "age 0" for one in out)
            alarms += any(not weak or one.value != "age 0" for one in out)
            naive += any(one.headline.high < one.rest.value for one in found)
        shares = "".join(f"{count / draws:>8.3f}" for count in (alarms, naive, hits))
        print(f"{clips:>6}{groups:>8}{right:>7}{icc:>6}{weak:>8}{shares}")


if __name__ == "__main__":
    main()
