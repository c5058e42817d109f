"""The listener and the detector of turns that fit a model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.inference.streaming.captions import Captions
from audio_ft.inference.streaming.listener import Listener
from audio_ft.inference.streaming.sounds import Sounds, TurnLabels
from audio_ft.inference.streaming.voice import Detector, Level, silero

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

logger = logging.getLogger(__name__)


def detector_for(model: Model) -> Detector:
    """Return what finds turns for a model: of speech for transcripts; else, or without Silero's, of any sound."""
    if model.task.target.by_words:
        try:
            return silero()
        except InputError as error:
            logger.warning("warning: turns are found by their level: %s", error)
    return Level()


def listener_for(model: Model, detector: Detector) -> Listener:
    """Return the listener for what a model predicts; `detector` finds the turns of all models but those of events."""
    if model.task.target.by_words:
        return Captions(model, detector)
    return Sounds(model) if model.task.target.has_times else TurnLabels(model, detector)
