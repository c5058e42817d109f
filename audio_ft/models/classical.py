"""Linear models, support vector machines and random forests on statistics of a clip, by scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.features.mfcc_statistics import GROUPS, NAMES, mfcc_statistics
from audio_ft.models.base import Adapter, Count, Features
from audio_ft.models.masking import LONGEST_WINDOW
from audio_ft.models.scratch import ESTIMATOR_FILE, ESTIMATORS

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Classical(Adapter):
    """Describe each clip by one vector, on which an estimator is fitted in one go; no gradient, no epochs.

    Features are float32 (k,), those of `mfcc_statistics`. The saved feature extractor passes the raw wave on.
    """

    model_types = ("audio_ft_estimator",)
    names = ESTIMATORS
    heads: ClassVar = {"classification": (0.0, 0.0)}
    pools_frames = False
    from_scratch = True
    fitted_at_once = True
    weights_file = ESTIMATOR_FILE

    @classmethod
    def untrained(cls, name: str) -> Adapter:
        """Return the adapter of an estimator that is not fitted."""
        from transformers import Wav2Vec2FeatureExtractor

        from audio_ft.models.estimator import EstimatorConfig

        return cls(EstimatorConfig(estimator=name), Wav2Vec2FeatureExtractor(do_normalize=False))

    @property
    def name(self) -> str:
        """Return linear, svm or forest."""
        return str(self.config.estimator)

    @property
    def longest_window(self) -> float:
        """Return 30 s, as networks have it: the statistics of a longer clip say little of its parts."""
        return LONGEST_WINDOW

    def with_window(self, seconds: float) -> Adapter:
        """Return the same adapter: a longer clip costs no more."""
        return self

    @property
    def shortest(self) -> int:
        """Return one sample."""
        return 1

    @property
    def frame_seconds(self) -> float:
        """Return the whole window: a clip has one vector."""
        return self.window

    def frames(self, samples: Count) -> Count:
        """Return 1 for each clip."""
        return samples - samples + 1

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return 1 for each clip of a batch."""
        import torch

        return torch.ones(len(inputs["input_features"]), dtype=torch.int64)

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return the statistics of a clip, float32 (k,)."""
        return {"input_features": mfcc_statistics(samples, self.sample_rate)}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Stack the vectors, float32 (batch, k)."""
        import torch

        return {"input_features": torch.from_numpy(np.stack([feature["input_features"] for feature in features]))}

    def front_end(self) -> torch.nn.Module:
        """Return the statistics of the MFCC."""
        from audio_ft.models.front_end import MfccStatisticsInput

        return MfccStatisticsInput(self.sample_rate)

    def new_estimator(self, settings: Mapping[str, Any]) -> Any:
        """Return an estimator that is not fitted, for the outputs that `settings` name."""
        import copy

        from audio_ft.models.estimator import Estimator

        config = copy.deepcopy(self.config)
        config.update(dict(settings))
        return Estimator(config)

    def load_estimator(self, folder: Path) -> Any:
        """Load a fitted estimator, and nothing that could run code."""
        from audio_ft.models.estimator import load_estimator
        from audio_ft.models.load import load_config

        return load_estimator(folder, load_config(folder))

    @property
    def feature_groups(self) -> tuple[str, ...]:
        """Return the coefficient that each feature describes."""
        return GROUPS

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return the coefficient and the part of the clip that each feature describes."""
        return NAMES

    def learning_rate(self, head: str) -> float:
        """Return 0: there are no steps."""
        return 0.0

    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the estimator itself."""
        return model

    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return none."""
        return []
