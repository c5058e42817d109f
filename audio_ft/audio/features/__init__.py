"""Features: what can be computed from a clip, one table of it (`FEATURES`), and arrays of it as files."""

from __future__ import annotations

from audio_ft.audio.features.arrays import LogMel
from audio_ft.audio.features.registry import FEATURES, Feature, compute, named

__all__ = ["FEATURES", "Feature", "LogMel", "compute", "named"]
