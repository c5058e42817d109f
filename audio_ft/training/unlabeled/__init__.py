"""Training without labels: continued pretraining, and detectors of anomalies."""
