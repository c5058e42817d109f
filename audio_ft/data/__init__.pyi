from .loader import Loaded, load
from .spec import Data

__all__ = ["Data", "Loaded", "load"]
