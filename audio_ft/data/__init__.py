"""Load a folder, a table or a data set on the Hub as undecoded rows in train, validation and test."""

import lazy_loader

# A recipe needs `Data`, which a prediction reads; the readers of files and tables are for those who load.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
