"""One recording: read, write and measure it. Nothing here knows about labels or models."""
