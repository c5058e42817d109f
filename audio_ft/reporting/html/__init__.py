"""A run as one self-contained HTML page: scores, curves, confusions, and errors to listen to."""

from audio_ft.reporting.html.report import ERRORS, write_report

__all__ = ["ERRORS", "write_report"]
