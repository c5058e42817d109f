"""A model and labeled rows in, scores out: slices, calibration, robustness, comparison and baselines."""
