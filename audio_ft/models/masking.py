"""Networks that mask their own features while they train: SpecAugment as part of the configuration."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Adapter

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


# Attention over frames grows with the square of the window: 30 s is 1,500 frames, Whisper's own size.
LONGEST_WINDOW = 30.0


class SelfMaskingAdapter(Adapter):
    """Set a network's own masking from a recipe's SpecAugment and the length of the training clips."""

    @property
    def longest_window(self) -> float:
        """Return 30 s: a budget, since the network itself has no limit."""
        return LONGEST_WINDOW

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Freeze the embedding of masked frames if no frame is masked, since it then learns nothing."""
        encoder = self.encoder(model)
        if not model.config.mask_time_prob and hasattr(encoder, "masked_spec_embed"):
            encoder.masked_spec_embed.requires_grad_(False)
        return model

    def mask_settings(self, augments: Iterable[Any], typical_length: int) -> dict[str, Any]:
        """Map SpecAugment onto the network's own masking, or shrink the checkpoint's to clips of typical length."""
        frames = max(self.frames(typical_length), 1)
        for augment in augments:
            if hasattr(augment, "as_config"):
                settings = dict(augment.as_config(frames))
                # The network refuses a run of masked features that is longer than it is wide.
                settings["mask_feature_length"] = min(settings["mask_feature_length"], int(self.config.hidden_size))
                return settings
        # A fixed minimum of masks covers a clip of 20 frames completely; at most a fifth of the clip is masked.
        length = max(1, min(int(self.config.mask_time_length), frames // 5))
        masks = min(int(self.config.mask_time_min_masks), frames // (5 * length))
        return {"mask_time_length": length, "mask_time_min_masks": masks}

    def masking(self, settings: Mapping[str, Any]) -> Adapter:
        """Return the adapter with these mask settings in place of the checkpoint's."""
        config = copy.deepcopy(self.config)
        for name, value in settings.items():
            setattr(config, name, value)
        return type(self)(config, self.extractor, self.window)

    @property
    def fewest_frames(self) -> int:
        """Return the frames that a batch must have: the network refuses batches that are shorter than its mask."""
        return int(self.config.mask_time_length) + 1

    def padded(
        self, clips: Sequence[NDArray[np.float32]], real: Sequence[int], fewest: int, value: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pad clips (time, …) with `value` to the longest and at least `fewest`, and mark the `real` part of each.

        Returns a float32 (batch, time, …) and an int64 (batch, time) tensor.
        """
        import torch

        longest = max(fewest, *map(len, clips))
        batch = np.full((len(clips), longest, *clips[0].shape[1:]), value, np.float32)
        for row, clip in zip(batch, clips, strict=True):
            row[: len(clip)] = clip
        mask = np.arange(longest) < np.asarray(real)[:, None]
        return torch.from_numpy(batch), torch.from_numpy(mask.astype(np.int64))
