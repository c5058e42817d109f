"""What the folder of a detector of anomalies is known by; apart, because every model that is loaded asks for it."""

from __future__ import annotations

from pathlib import Path

SETTINGS_FILE = "detector.json"


def is_detector(folder: str | Path) -> bool:
    """Tell whether a folder holds what `Detector.save` wrote."""
    return (Path(folder).expanduser() / SETTINGS_FILE).is_file()
