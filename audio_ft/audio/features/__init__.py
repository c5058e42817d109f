"""Features of a clip: the table `FEATURES`, functions that compute them, and files of them."""

from __future__ import annotations

from audio_ft.audio.features.registry import FEATURES, Feature, compute, get_feature
from audio_ft.audio.features.spectral import LogMel

__all__ = ["FEATURES", "Feature", "LogMel", "compute", "get_feature"]
