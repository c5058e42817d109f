"""The model card of a run, and its scores in the Hub's formats, made from what run.json records."""

from __future__ import annotations

from audio_ft.reporting.card.metadata import eval_results
from audio_ft.reporting.card.render import model_card, override_card_fields, require_card_fields, with_gaps_marked

__all__ = ["eval_results", "model_card", "override_card_fields", "require_card_fields", "with_gaps_marked"]
