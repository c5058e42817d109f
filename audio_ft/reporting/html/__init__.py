"""A run as one self-contained HTML page: scores, curves, confusions, and errors to listen to."""

from audio_ft.reporting.html.page import ERRORS, errors_of, file_name, report

__all__ = ["ERRORS", "errors_of", "file_name", "report"]
