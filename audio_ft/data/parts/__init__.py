"""Rows that are parts of a recording: their times, units and channels, and rows of one recording."""
