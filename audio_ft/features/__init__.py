"""Features: what can be computed from a clip, one table of it (`FEATURES`), and arrays of it as files."""

from __future__ import annotations

from audio_ft.features.arrays import LogMel, ModelInput, WriteFeatures
from audio_ft.features.table import FEATURES, Feature, compute, named

__all__ = ["FEATURES", "Feature", "LogMel", "ModelInput", "WriteFeatures", "compute", "named"]
