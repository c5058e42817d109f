"""Behind `clip.py`: choose a decoder, decode and encode recordings."""
