"""Cleaning: steps, the chain of them, and the `datasets` map that applies the chain once and caches it."""
