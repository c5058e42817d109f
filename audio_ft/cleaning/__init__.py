"""Cleaning: steps, the chain of them, and the `datasets` map that applies the chain once and caches it."""

import lazy_loader

# `aft.steps` is reached by way of this package, and imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["steps"])
