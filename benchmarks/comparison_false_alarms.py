"""How often `audio_ft.metrics.comparison.compare` calls two equally good models different, and finds a better one.

Run: python benchmarks/comparison_false_alarms.py [--part accuracy|wer] [--draws 1000] [--resamples 400]
(about 1 minute on one core for accuracy, 2 for wer)

Two models predict the same clips. The difficulty of a clip is partly common to both models (`shared`, a correlation)
and partly specific to each; by group, some of the specific part (`group`) is equal for all clips of a group. Both parts
are normally distributed with the same variance for both models, so the models are equally good in expectation: each
verdict but "not distinguishable" is a false alarm, and 5 % of them are expected. The table also shows the verdict of
the 95 % percentile interval of the same paired bootstrap, McNemar's exact test without the mid-p correction (accuracy
by clip), and how often the verdict finds a second model that makes half of the first's errors.

Accuracy by clip raises fewer alarms than 3 % if the models differ on few clips, because few tables are possible. With
4 such clips or fewer McNemar's mid-p is never below .05 (.0625 at 4 to 0); with 5 to 10 it is for 6.3, 3.1, 1.6, 7.0,
3.9 and 2.2 % of equal models. If 2, 3, 4, 5, 6 and 10 such clips are expected (a Poisson number), the rates are 0.3,
0.9, 1.7, 2.4, 3.0 and 4.1 %. With the large-sample test, |gained - lost| > 1.96 sqrt(gained + lost), they would be
1.4, 3.0, 4.1, 4.6, 4.7 and 4.4 %, because of one table: the test reports a difference at 4 to 0, which occurs in one of
eight pairs of equal models that differ on four clips. We keep the verdict that needs a fifth clip.

Accuracy: a prediction is right if the clip's difficulty is below a threshold. Word error rate: each of a clip's words
(1 + Poisson) is wrong with a probability that grows with the difficulty.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from audio_ft.metrics import bootstrap
from audio_ft.metrics.comparison import Comparison, compare
from audio_ft.metrics.samples import Sample
from audio_ft.metrics.units import Units

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Hold a simulated test of two models: clips, words a clip (0: accuracy), share of errors, groups, correlations."""

    clips: int
    words: int
    errors: float
    groups: int = 0
    shared: float = 0.5
    group: float = 0.2
    largest: float = 1.0

    def codes(self) -> NDArray[np.int64]:
        """Return the group of each clip; the last group is `largest` times as large as the first."""
        ends = np.linspace(1.0, self.largest, self.groups).cumsum()
        return np.searchsorted(ends / ends[-1], (np.arange(self.clips) + 0.5) / self.clips)

    def names(self) -> list[str] | None:
        """Return the group of each clip, None if each clip is its own group."""
        if not self.groups:
            return None
        return [str(code) for code in self.codes()]

    def hardness(self, rng: np.random.Generator) -> FloatArray:
        """Draw the difficulty of each clip for each of two models, (2, clips), standard normal."""
        own = rng.normal(size=(2, self.clips))
        if self.groups:
            luck = rng.normal(size=(2, self.groups))[:, self.codes()]
            own = np.sqrt(self.group) * luck + np.sqrt(1 - self.group) * own
        return np.sqrt(self.shared) * rng.normal(size=self.clips) + np.sqrt(1 - self.shared) * own

    def wrong(self, rng: np.random.Generator, ratio: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw each clip's words (clips,) and each model's errors (2, clips), the second making `ratio` as many."""
        hardness, shares = self.hardness(rng), self.errors * np.array([[1.0], [ratio]])
        if not self.words:
            return np.ones(self.clips, np.int64), (hardness > norm.isf(shares)).astype(np.int64)
        words = 1 + rng.poisson(self.words - 1, self.clips)
        # The normal integral of a shifted normal: the mean probability is the wanted share.
        chances = norm.cdf(np.sqrt(2) * norm.ppf(shares) + hardness)
        return words, rng.binomial(words, chances)


def compared(pair: Pair, words: NDArray[np.int64], wrong: NDArray[np.int64], seed: int, resamples: int) -> Comparison:
    """Compare the two models with the public function."""
    groups, kind = pair.names(), "transcript" if pair.words else "label"
    first, second, truth = (texts(words, each) if pair.words else np.eye(2)[1 - each] for each in (*wrong, 0 * words))
    references = truth if pair.words else np.ones(pair.clips, int)
    one, two = (Sample.registry[kind].checked(each, references) for each in (first, second))
    return compare(one, two, groups=groups, seed=seed, resamples=resamples)


def texts(words: NDArray[np.int64], wrong: NDArray[np.int64]) -> list[str]:
    """Return texts with the given numbers of words and wrong words."""
    return ["no " * bad + "yes " * (count - bad) for count, bad in zip(words.tolist(), wrong.tolist(), strict=True)]


def percentile_excludes_zero(
    pair: Pair, words: NDArray[np.int64], wrong: NDArray[np.int64], seed: int, resamples: int
) -> bool:
    """Return the verdict of the percentiles of the paired bootstrap."""
    apart = (wrong[1] - wrong[0]).astype(np.float64)
    replicates = bootstrap(
        lambda weights: (weights @ apart) / (weights @ words),
        Units.of(pair.clips, pair.names()),
        seed=seed,
        resamples=resamples,
    )
    low, high = np.quantile(replicates, [0.025, 0.975])
    return bool(low > 0 or high < 0)


def shares(pair: Pair, draws: int, resamples: int) -> dict[str, float]:
    """Return the shares of draws in which each method raises a false alarm, and in which a better model is found."""
    rng = np.random.default_rng(0)
    totals = dict.fromkeys(("ours", "percentile", "finds half", "calls it worse"), 0.0)
    if mcnemar := not pair.words and not pair.groups:
        totals["exact"] = 0.0
    for draw in range(draws):
        words, wrong = pair.wrong(rng, 1.0)
        totals["ours"] += compared(pair, words, wrong, draw, resamples).verdict != "not distinguishable"
        totals["percentile"] += percentile_excludes_zero(pair, words, wrong, draw, resamples)
        if mcnemar and (wrong[0] != wrong[1]).any():
            gained, lost = int((wrong[0] > wrong[1]).sum()), int((wrong[1] > wrong[0]).sum())
            totals["exact"] += binomtest(gained, gained + lost).pvalue < 0.05
        if not draw % 5:  # the false-alarm rate needs more draws than the detection rate
            better = compared(pair, *pair.wrong(rng, 0.5), draw, resamples).verdict
            totals["finds half"] += 5 * (better == "better")
            totals["calls it worse"] += 5 * (better == "worse")
    return {name: total / draws for name, total in totals.items()}


PAIRS = {
    "accuracy": [
        *(Pair(clips, 0, errors) for clips in (40, 127, 500) for errors in (0.3, 0.1)),
        Pair(40, 0, 0.05),
        *(Pair(clips, 0, 0.2, groups) for clips, groups in ((40, 10), (120, 12), (500, 10), (500, 50))),
        *(Pair(clips, 0, 0.2, groups, largest=6.0) for clips, groups in ((120, 6), (500, 10), (500, 40))),
    ],
    "wer": [
        *(Pair(*size, errors) for size in ((35, 4), (100, 8), (500, 10)) for errors in (0.3, 0.1)),
        *(
            Pair(*size, 0.15, groups)
            for size, groups in (((35, 4), 7), ((120, 8), 12), ((500, 10), 10), ((500, 10), 50))
        ),
        *(Pair(*size, 0.15, groups, largest=6.0) for size, groups in (((120, 8), 6), ((500, 10), 40))),
    ],
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--part", choices=PAIRS, help="default: both")
    given = parser.parse_args()
    for pair in PAIRS[given.part] if given.part else [*PAIRS["accuracy"], *PAIRS["wer"]]:
        what = f"word errors {pair.errors}, {pair.words} words" if pair.words else f"accuracy {1 - pair.errors:.2g}"
        name = f"{what}, {pair.clips} clips" + (f" in {pair.groups} groups" if pair.groups else "")
        name += f" of 1 to {pair.largest:.0f}" if pair.largest > 1 else ""
        found = shares(pair, given.draws, given.resamples)
        print(f"{name:52}", "  ".join(f"{key} {share:.3f}" for key, share in found.items()), flush=True)


if __name__ == "__main__":
    main()
