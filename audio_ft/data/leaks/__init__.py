"""Recordings, speakers and transcripts on two sides of a split."""
