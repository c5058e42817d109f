"""A run as one self-contained HTML page: scores, curves, confusions, errors to listen to. Nothing here trains."""

from audio_ft.reporting.html.writing import ERRORS, write_report

__all__ = ["ERRORS", "write_report"]
