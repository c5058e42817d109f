"""The augmentations that come with the package, one a file.

They stand on soxr, scipy and librosa: of the libraries made for this, audiomentations wants soxr below 1 and
torch-audiomentations wants torchaudio.
"""

from audio_ft.augments.band_limit import BandLimit
from audio_ft.augments.gain import Gain
from audio_ft.augments.mixup import Mixup
from audio_ft.augments.noise import Noise
from audio_ft.augments.pitch_shift import PitchShift
from audio_ft.augments.shift import Shift
from audio_ft.augments.spec_augment import SpecAugment
from audio_ft.augments.speed import Speed
from audio_ft.augments.time_stretch import TimeStretch

__all__ = ["BandLimit", "Gain", "Mixup", "Noise", "PitchShift", "Shift", "SpecAugment", "Speed", "TimeStretch"]
