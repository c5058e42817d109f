"""Augmentations of training clips, drawn again in each epoch.

They use soxr, scipy and librosa directly: audiomentations needs soxr below 1, torch-audiomentations needs torchaudio.
"""

from audio_ft.augmentation.band_limit import BandLimit
from audio_ft.augmentation.clipping import Clipping
from audio_ft.augmentation.codec import Codec
from audio_ft.augmentation.gain import Gain
from audio_ft.augmentation.mixup import Mixup
from audio_ft.augmentation.noise import Noise
from audio_ft.augmentation.reverb import Reverb
from audio_ft.augmentation.shift import Shift
from audio_ft.augmentation.spec_augment import SpecAugment
from audio_ft.augmentation.tempo import PitchShift, Speed, TimeStretch

__all__ = [
    "BandLimit",
    "Clipping",
    "Codec",
    "Gain",
    "Mixup",
    "Noise",
    "PitchShift",
    "Reverb",
    "Shift",
    "SpecAugment",
    "Speed",
    "TimeStretch",
]
