"""Live audio: chunks in, captions and events out, with how long after the sound they came."""
