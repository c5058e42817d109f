"""The cleaning steps; a new one needs a file and a line here."""

from audio_ft.cleaning.steps.denoise import Denoise
from audio_ft.cleaning.steps.filters import BandPass, HighPass, LowPass, PreEmphasis
from audio_ft.cleaning.steps.loudness import Loudness
from audio_ft.cleaning.steps.mono import Mono
from audio_ft.cleaning.steps.normalize import Normalize
from audio_ft.cleaning.steps.resample import Resample
from audio_ft.cleaning.steps.trim import Trim
from audio_ft.cleaning.steps.trim_voice import TrimVoice
from audio_ft.cleaning.steps.wavelet import WaveletDenoise

__all__ = [
    "BandPass",
    "Denoise",
    "HighPass",
    "Loudness",
    "LowPass",
    "Mono",
    "Normalize",
    "PreEmphasis",
    "Resample",
    "Trim",
    "TrimVoice",
    "WaveletDenoise",
]
