"""What each architecture expects: rate, features, padding, frames and heads; one adapter each, nothing about tasks."""

from audio_ft.models.load import load_adapter, load_config

__all__ = ["load_adapter", "load_config"]
