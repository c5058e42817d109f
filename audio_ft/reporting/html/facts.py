"""What the page says in words: title, lead, facts, settings and versions, all read from the run's record."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import format_duration
from audio_ft.redaction import display_name, redact_run
from audio_ft.reporting.html.page import SplitRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audio_ft.run import Run
    from audio_ft.targets.judged import Judged

# Settings of a recipe that are whole structures, told elsewhere on the page.
TOLD_ELSEWHERE = ("data", "chain", "model")
# How many of the remarks made while cleaning are listed.
REMARKS = 6


def title(run: Run) -> str:
    """Return the recipe's name, or the checkpoint and the data where it has none."""
    return run.recipe.name or f"{display_name(run.recipe.model)} on {display_name(run.recipe.data.path)}"


def lead(run: Run, clips: Sequence[Judged]) -> str:
    """Return the result in one sentence."""
    result = run.target.lead(clips)
    train = run.splits["train"]
    heard = f"{train['clips']:,} recordings ({format_duration(train['seconds_before'])})"
    return (
        f"{result} by {display_name(run.recipe.model)}, fine-tuned on {heard} of {display_name(run.recipe.data.path)}."
    )


def errors_lead(run: Run, clips: Sequence[Judged], shown: int) -> str:
    """Return how the errors shown were chosen."""
    wrong = sum(clip.wrong for clip in clips)
    if not wrong:
        return "None of the test recordings is predicted wrongly."
    wording = run.target.wording
    which = f"All {wrong:,}" if shown == wrong else f"The worst {shown:,} of {wrong:,}"
    return (
        f"{which} {wording.errors_name} on the test split, {wording.errors_order}. The player has the original "
        "recording; the spectrogram shows what cleaning left of it for the network."
    )


def facts(run: Run, clips: Sequence[Judged]) -> list[tuple[str, str]]:
    """Return what a reader wants to know first."""
    groups = len({clip.group for clip in clips} - {None})
    column = run.data.get("group")
    found = [
        ("Checkpoint", display_name(run.recipe.model)),
        ("Data", display_name(run.recipe.data.path)),
        ("Split", str(run.data.get("rule", "not told"))),
        ("Kept apart by", f"{column} ({groups:,} in the test split)" if column else "nothing known"),
        (
            "Network",
            f"{run.parameters['total'] / 1e6:.1f} M parameters, {run.parameters['trainable'] / 1e6:.1f} M trained",
        ),
        ("Took", f"{format_duration(run.seconds['total'])} on {machine(run)}"),
    ]
    return found


def machine(run: Run) -> str:
    """Return what the run was computed on."""
    accelerators = [str(name) for name in run.hardware.get("accelerators", ())]
    if accelerators:
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in Counter(accelerators).items())
    return f"{run.hardware.get('cores', '?')} cores of {run.hardware.get('processor') or 'an unnamed processor'}"


def splits(run: Run) -> list[SplitRow]:
    """Return the counts of each split."""
    return [
        SplitRow(name, facts["clips"], facts["seconds_before"], facts["seconds"], len(facts.get("unreadable", ())))
        for name, facts in run.splits.items()
    ]


def noticed(run: Run) -> list[tuple[str, int]]:
    """Return the commonest remarks made while cleaning, with the recordings they were made of."""
    counts: Counter[str] = Counter()
    for facts in run.splits.values():
        counts.update({note.partition(":")[0]: count for note, count in facts.get("notes", {}).items()})
    return counts.most_common(REMARKS)


def unreadable(run: Run) -> list[tuple[str, str]]:
    """Return every recording that was set aside, with the reason."""
    return [(str(key), str(reason)) for facts in run.splits.values() for key, reason in facts.get("unreadable", ())]


def making(run: Run) -> list[tuple[str, str]]:
    """Return how the training went."""
    seconds = run.seconds
    return [
        ("Chosen checkpoint", f"step {run.best['step']:,}: {run.best['why']}"),
        *learned(run.used),
        ("Window", f"{run.data['window_seconds']:g} s at once" if "window_seconds" in run.data else "not told"),
        ("Augmentation", ", ".join(type(one).__name__ for one in run.recipe.augments) or "none"),
        ("Precision", str(run.hardware.get("precision", "not told"))),
        ("Machine", machine(run)),
        ("Time", ", ".join(f"{name} {format_duration(seconds[name])}" for name in seconds if name != "total")),
        ("Finished", run.created[:16].replace("T", " ") + " UTC" if run.created else "not told"),
    ]


def learned(used: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return learning rate and batch that a training used; nothing of runs that did not keep them."""
    if not used:
        return []
    rate, head = used["learning_rate"], used.get("head_learning_rate")
    apart = f", {head:g} for the head" if head not in (None, rate) else ""
    return [("Learning rate", f"{rate:g}{apart}"), ("Batch", f"{used['clips_per_step']:,} clips a step")]


def settings(run: Run) -> list[tuple[str, str]]:
    """Return the recipe's settings as a push tells them, and what training used."""
    # Whoever gets the page is a stranger: no tokens, and no folders of this machine in chain or training either.
    recipe = redact_run(run).recipe.to_dict()
    rows = [("model", display_name(run.recipe.model)), ("data.path", display_name(run.recipe.data.path))]
    rows += [(f"data.{name}", _value(value)) for name, value in recipe["data"].items() if name != "path"]
    rows += [(f"chain {place}", _value(step)) for place, step in enumerate(recipe["chain"], start=1)]
    rows += [(name, _value(value)) for name, value in recipe.items() if name not in TOLD_ELSEWHERE]
    return rows + [(f"used {name}", _value(value)) for name, value in run.used.items()]


def versions(run: Run) -> list[tuple[str, str]]:
    """Return versions and digests."""
    return [*run.versions.items(), *((f"digest of the {name}", digest) for name, digest in run.digests.items())]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
