"""Several trainings that make one run: a sub-folder each, of which finished ones are kept and a stopped one resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from audio_ft.file_io import remove
from audio_ft.run import RUN_FILE, Run
from audio_ft.training.run_folder import STARTED_FILE


def each_trained(
    places: Mapping[str, Path], train_in: Callable[[str, Path], Run], log: Callable[[str], None], what: str
) -> dict[str, Run]:
    """Return the run of each name, from its folder in `places`, or trained there by `train_in` where it is unfinished.

    `what` they are ("fold") begins the line that is logged for each.
    """
    runs = {}
    for number, (name, place) in enumerate(places.items(), start=1):
        finished = (place / RUN_FILE).is_file()
        log(f"{what:<12}{name} ({number} of {len(places)}){': finished earlier' if finished else ''}")
        runs[name] = Run.load(place) if finished else train_in(name, place)
    return runs


@contextmanager
def released_if_empty(folder: Path) -> Iterator[None]:
    """Leave the folder of a failed training to other recipes where nothing of this one is in it."""
    try:
        yield
    except BaseException:
        if not any(path.is_dir() for path in folder.iterdir()):
            remove(folder / STARTED_FILE)
        raise
