"""Load a folder, a table or a data set on the Hub as undecoded rows in train, validation and test."""

from audio_ft.data.loader import Loaded, load
from audio_ft.data.spec import Data

__all__ = ["Data", "Loaded", "load"]
