"""The model adapters, one file for each architecture or group of like ones; a new one needs a file here and no more."""

from audio_ft.models.load import load_adapter, load_config

__all__ = ["load_adapter", "load_config"]
