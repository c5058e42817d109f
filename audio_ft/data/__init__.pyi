from .loaded import Loaded
from .loader import load
from .spec import Data

__all__ = ["Data", "Loaded", "load"]
