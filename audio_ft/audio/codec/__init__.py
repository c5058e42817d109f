"""Behind the door of `clip.py`: which decoder reads a recording, and how one is written."""
