"""The cleaning steps, one a file; a new one needs a file and a line here."""

from audio_ft.steps.bandpass import BandPass
from audio_ft.steps.denoise import Denoise
from audio_ft.steps.highpass import HighPass
from audio_ft.steps.lowpass import LowPass
from audio_ft.steps.mono import Mono
from audio_ft.steps.normalize import Normalize
from audio_ft.steps.preemphasis import PreEmphasis
from audio_ft.steps.resample import Resample
from audio_ft.steps.trim import Trim

__all__ = ["BandPass", "Denoise", "HighPass", "LowPass", "Mono", "Normalize", "PreEmphasis", "Resample", "Trim"]
