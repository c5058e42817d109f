"""From rows to train, validation and test: given, by groups, or in folds."""
