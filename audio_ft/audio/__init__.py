"""One recording: read, write and measure it. Nothing here knows about labels or models."""

import lazy_loader

# `aft.features` is reached by way of this package, and imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["features"])
