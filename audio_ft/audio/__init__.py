"""One recording: read, write, measure and draw it; nothing here knows about labels or models."""
