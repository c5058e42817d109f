"""Targets: what a recording is labeled with; one class for each kind holds all that differs between kinds."""

from __future__ import annotations

from audio_ft.targets.base import Target, target_class
from audio_ft.targets.events import Events
from audio_ft.targets.label import Label
from audio_ft.targets.labels import Labels
from audio_ft.targets.number import Number
from audio_ft.targets.transcript import Transcript

__all__ = ["Events", "Label", "Labels", "Number", "Target", "Transcript", "target_class"]
