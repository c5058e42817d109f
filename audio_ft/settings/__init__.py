"""Settings: frozen dataclasses that check themselves and go to JSON and back; what a field may hold is a rule."""

from audio_ft.settings.base import NamedSettings, Settings

__all__ = ["NamedSettings", "Settings"]
