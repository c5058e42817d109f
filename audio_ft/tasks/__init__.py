"""The tasks: one file each, registered by importing it here."""

from __future__ import annotations

import difflib

from audio_ft.errors import InputError
from audio_ft.task import Task
from audio_ft.tasks.classification import Classification

__all__ = ["Classification", "task_class"]


def task_class(name: str) -> type[Task]:
    """Return the task of that name.

    Raises:
        InputError: there is none.
    """
    if name not in Task.registry:
        near = difflib.get_close_matches(name, Task.registry, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"There is no task {name!r}; audio_ft has {', '.join(sorted(Task.registry))}.{hint}")
    return Task.registry[name]
