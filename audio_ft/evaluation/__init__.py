"""A model and labeled rows in, scores out: evaluation, slices, calibration, robustness, comparison and baselines."""
