"""Data in: a folder, a manifest or a data set of the Hub becomes undecoded rows in train, validation and test."""

from audio_ft.data.loader import Loaded, load
from audio_ft.data.spec import Data

__all__ = ["Data", "Loaded", "load"]
