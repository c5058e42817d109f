"""Networks that return the logits of each frame, in whichever of transformers' classes holds their weights.

transformers has such a class for most encoders of the raw wave, and none for HuBERT and Whisper. Their classifier of
clips has the same layers, and averages over the frames between them; both are linear, so that its logits are the mean
of those of the frames. Saved as that class, the model loads in plain transformers with all of its weights.
"""

from __future__ import annotations

from typing import Any

FRAMES, CLIPS = "AutoModelForAudioFrameClassification", "AutoModelForAudioClassification"
# Says in config.json that the layers above the encoder are meant for each frame.
MARK = "audio_ft_frames"


def frame_class(model_type: str) -> str:
    """Return the Auto class of transformers in which an architecture can have a head for each frame."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_AUDIO_FRAME_CLASSIFICATION_MAPPING_NAMES

    return FRAMES if model_type in MODEL_FOR_AUDIO_FRAME_CLASSIFICATION_MAPPING_NAMES else CLIPS


def return_frames(model: Any, auto: str) -> Any:
    """Make a classifier return the logits of each frame (batch, frames, labels), in place, and return it."""
    if auto == FRAMES:
        return model
    setattr(model.config, MARK, True)
    kept: list[Any] = []
    # Hooks inside of its forward, so that wrappers of distributed training and of mixed precision work as ever.
    model.projector.register_forward_hook(lambda module, inputs, frames: kept.append(frames))
    model.classifier.register_forward_pre_hook(lambda module, pooled: (kept.pop(),))
    return model
