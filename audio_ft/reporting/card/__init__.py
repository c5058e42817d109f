"""A run -> its model card, and the scores in the Hub's own forms: filled from what run.json records, nothing else."""

from __future__ import annotations

from audio_ft.reporting.card.metadata import eval_results
from audio_ft.reporting.card.render import model_card, retold

__all__ = ["eval_results", "model_card", "retold"]
