"""Changes to training clips only, drawn anew in each epoch: noise, gain, speed, pitch, masks …, a file each.

They stand on soxr, scipy and librosa: of the libraries made for this, audiomentations wants soxr below 1 and
torch-audiomentations wants torchaudio.
"""

from audio_ft.augmentation.band_limit import BandLimit
from audio_ft.augmentation.gain import Gain
from audio_ft.augmentation.mixup import Mixup
from audio_ft.augmentation.noise import Noise
from audio_ft.augmentation.pitch_shift import PitchShift
from audio_ft.augmentation.shift import Shift
from audio_ft.augmentation.spec_augment import SpecAugment
from audio_ft.augmentation.speed import Speed
from audio_ft.augmentation.time_stretch import TimeStretch

__all__ = ["BandLimit", "Gain", "Mixup", "Noise", "PitchShift", "Shift", "SpecAugment", "Speed", "TimeStretch"]
