"""AUC and partial AUC of anomaly scores, against scikit-learn, with intervals that cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from audio_ft.errors import InputError
from audio_ft.metrics.detection import MAX_FPR, anomaly_scores, area, share


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("most", [1.0, MAX_FPR])
def test_areas_are_those_of_scikit_learn_also_with_weights_and_ties(ties, most):
    rng = np.random.default_rng(0)
    anomalous = rng.random(200) < 0.3
    values = rng.normal(size=200) + anomalous
    values = values.round(0) if ties else values
    weights = rng.integers(0, 4, (5, 200)).astype(float)
    expected = [
        roc_auc_score(anomalous, values, sample_weight=row, max_fpr=most if most < 1 else None) for row in weights
    ]
    np.testing.assert_allclose(area(values, anomalous, weights, most), expected, atol=1e-12)


def test_intervals_cover_the_truth():
    """The AUC of two normal distributions one apart is Phi(1 / sqrt 2) = .760."""
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values = np.concatenate([rng.normal(size=60), rng.normal(1, size=40)])
        score = anomaly_scores(values, np.arange(100) >= 60)["auc"]
        covered += score.low <= 0.7602 <= score.high
    assert covered >= 34


def test_a_perfect_ranking_is_not_certain_and_one_side_alone_is_refused():
    anomalous = np.arange(40) >= 20
    scores = anomaly_scores(np.arange(40.0), anomalous, ["a", "b"] * 20)
    assert scores["auc"].value == scores["pauc"].value == 1.0
    # The partial area rests on two of the twenty normal clips.
    assert 0.2 < scores["pauc"].low < scores["auc"].low < 0.9
    with pytest.raises(InputError, match="AUC needs normal recordings and anomalies, and there are only anomalies"):
        anomaly_scores(np.arange(3.0), np.ones(3, bool))


def test_a_share_has_wilson_s_interval_widened_for_few_clips():
    found, wilson = share(np.arange(20) < 2), binomtest(2, 20).proportion_ci(method="wilson")
    assert (found.value, found.n) == (0.1, 20)
    assert wilson.low - 0.02 < found.low < wilson.low < wilson.high < found.high < wilson.high + 0.02
