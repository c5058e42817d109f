"""All perturbations. To add one, write a function in a file of this folder and list it in that file's tuple."""

from __future__ import annotations

from audio_ft.evaluation.perturbations.base import LEVELS, TIMES, Perturbation
from audio_ft.evaluation.perturbations.line import LINES
from audio_ft.evaluation.perturbations.noise import NOISES
from audio_ft.evaluation.perturbations.room import ROOMS

__all__ = ["PERTURBATIONS"]

PERTURBATIONS: dict[str, Perturbation] = {
    perturbation.name: perturbation for perturbation in (*NOISES, *ROOMS, *LINES, *LEVELS, *TIMES)
}
