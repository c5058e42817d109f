"""Tasks: target, head, loss and decoding; one file for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_ft import extensions
from audio_ft.errors import InputError, did_you_mean
from audio_ft.models.base import Adapter
from audio_ft.settings.rules import shown
from audio_ft.targets import Target, Transcript
from audio_ft.tasks.base import Task
from audio_ft.tasks.classification import Classification
from audio_ft.tasks.ctc import CTC
from audio_ft.tasks.events import Events
from audio_ft.tasks.whisper import Seq2Seq

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

__all__ = [
    "ANY_TRANSCRIPTION",
    "CTC",
    "Classification",
    "Events",
    "Seq2Seq",
    "targets_of",
    "task_class",
    "task_for",
    "task_of",
]

# Stands in a recipe for the transcription task of its checkpoint.
ANY_TRANSCRIPTION = "transcription"


def task_class(name: str) -> type[Task]:
    """Return the task of that name.

    Raises:
        InputError: there is no such task.
    """
    found: type[Task] | None = Task.registry.get(name) or extensions.load("tasks", name)
    if found is None:
        known = [*Task.registry, ANY_TRANSCRIPTION, *extensions.names("tasks")]
        raise InputError(f"There is no task {shown(name)}.{did_you_mean(name, known, list_all=True)}")
    return found


def task_for(name: str, adapter: Adapter) -> type[Task]:
    """Return the task of that name; "transcription" is the transcription task of this checkpoint.

    Raises:
        InputError: there is no such task, or the checkpoint's architecture lacks the head that it needs.
    """
    # A checkpoint without such a head gets the message of ctc, the usual task.
    task = task_class(adapter.transcription or "ctc" if name == ANY_TRANSCRIPTION else name)
    if task.head in adapter.heads:
        return task
    instead = "start from another checkpoint"
    if Transcript in task.targets and adapter.transcription:
        instead = f"set task={adapter.transcription}, or task=transcription for whichever the checkpoint has"
    raise InputError(
        f"Task {task.name} needs a {task.head} head, and {adapter.name} checkpoints have {', '.join(adapter.heads)} "
        f"only; {instead}."
    )


def task_of(config: PreTrainedConfig, name: str) -> type[Task]:
    """Return the task for which a checkpoint was saved; `name` is that of the checkpoint, for messages.

    Raises:
        InputError: it was saved without a head that predicts.
    """
    saved = [str(each) for each in config.architectures or ()]
    for task in Task.registry.values():
        if any(each.endswith(task.architectures) for each in saved if task.architectures):
            return task
    raise InputError(
        f"{name} was saved as {', '.join(saved) or 'an unknown network'}, which predicts neither labels nor "
        f"transcripts; fine-tune it first: audio-ft train --model {name}."
    )


def targets_of(name: str) -> tuple[type[Target], ...]:
    """Return the kinds of target that the task of that name can predict.

    Raises:
        InputError: there is no such task.
    """
    return (Transcript,) if name == ANY_TRANSCRIPTION else task_class(name).targets
