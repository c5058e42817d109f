"""What other installed packages add: steps, augmentations, metrics, commands …, found by entry points.

A saved model contains the name of a step and never its module, so a model from the Hub cannot import other code.
"""

from __future__ import annotations

from typing import Any

from audio_ft.errors import InputError


def names(kind: str) -> list[str]:
    """Return the names that installed packages add to a kind ("steps", "augmentations", "metrics", "commands")."""
    from importlib.metadata import entry_points  # 20 ms, which `audio-ft --help` does without

    return sorted({point.name for point in entry_points(group=f"audio_ft.{kind}")})


def load(kind: str, name: str) -> Any:
    """Import and return what installed packages add to a kind under this name, None if there is no such name.

    A package declares it in its pyproject.toml, under the name that recipes, chains and the command line use:

        [project.entry-points."audio_ft.steps"]
        Notch = "my_package.notch:Notch"

    Raises:
        InputError: two packages add different things under one name, or the import fails.
    """
    from importlib.metadata import entry_points

    places = {point.value: point for point in entry_points(group=f"audio_ft.{kind}", name=name)}
    if len(places) > 1:
        raise InputError(f"two packages add {name!r} to audio_ft.{kind}: {', '.join(sorted(places))}. Uninstall one.")
    for place, point in places.items():
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"{name!r} of audio_ft.{kind} cannot be loaded from {place}: {error}. Repair or uninstall its package."
            ) from error
    return None
