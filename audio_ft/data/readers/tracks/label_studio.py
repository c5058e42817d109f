"""Label Studio's exports: JSON with the annotations of each task, JSON-MIN and CSV, and the names they give files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from audio_ft.data.readers.elsewhere import recordings_below
from audio_ft.data.rows import Columns

TASK, ANNOTATOR, GROUND_TRUTH = "id", "annotator", "ground_truth"
# An upload is stored as /data/upload/PROJECT/1a2b3c4d-name.wav, a file of local storage named by a query.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
_LOCAL = re.compile(r"/?data/local-files/?\?d=(.+)")
_SERVED = re.compile(r"/?data/(upload|local-files)\b")
# What a region holds beside its content.
_PLACE = ("start", "end", "channel")


def flattened(columns: Columns) -> Columns:
    """Return the full export as JSON-MIN has it: a row for each annotation, a column for each control.

    Other tables are returned as they are. Annotations that were cancelled are left out.
    """
    if not {"data", "annotations"} <= columns.keys() or not all(isinstance(cell, dict) for cell in columns["data"]):
        return columns
    rows: list[dict[str, Any]] = []
    tasks = columns.get(TASK, range(1, len(columns["data"]) + 1))
    for task, fields, every in zip(tasks, columns["data"], columns["annotations"], strict=True):
        given = [one for one in every or () if isinstance(one, dict) and not one.get("was_cancelled")]
        for annotation in given or [{}]:
            truth = {GROUND_TRUTH: True} if annotation.get(GROUND_TRUTH) else {}
            person = {TASK: task, ANNOTATOR: _person(annotation.get("completed_by"))}
            rows.append({**fields, **person, **truth, **_controls(annotation.get("result") or ())})
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _person(known: Any) -> Any:
    """Return who annotated: a number or, where the export says more, an address."""
    return (known.get("email") or known.get("id")) if isinstance(known, dict) else known


def _controls(results: Sequence[Any]) -> dict[str, Any]:
    """Return the regions of each control, or the content of one that is about the whole recording."""
    found: dict[str, Any] = {}
    for result in results:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict):  # a relation between regions
            continue
        name = str(result.get("from_name", "label"))
        if {"start", "end"} <= value.keys():
            regions = found.setdefault(name, [])
            if isinstance(regions, list):
                regions.append({**value, "id": result.get("id")})
        else:
            found[name] = content_of(value)
    return found


def content_of(value: Mapping[str, Any]) -> Any:
    """Return what a region or a choice says: a label, several, a text or a number; None for nothing."""
    kind = {"labels": None, "text": None, "choices": None, "label": None, **value}
    for name in kind:
        said = value.get(name)
        if said is not None and name not in (*_PLACE, "id", "original_length"):
            single = isinstance(said, list) and len(said) == 1
            return (
                " ".join(map(str, said)) if name == "text" and isinstance(said, list) else said[0] if single else said
            )
    return None


def at_hand(names: Sequence[Any], folder: Path) -> list[Any]:
    """Return the names of recordings with the paths of those below a folder in the place of a server's addresses."""
    if not any(isinstance(name, str) and (_SERVED.match(name) or "://" in name) for name in names):
        return list(names)
    here: dict[str, str] = {}
    for path in recordings_below(folder):
        here[os.path.basename(path)] = path if os.path.basename(path) not in here else ""
    return [_found(name, here) if isinstance(name, str) else name for name in names]


def _found(name: str, here: Mapping[str, str]) -> str:
    """Return the path of a recording, or its name where there is none, or several."""
    local = _LOCAL.match(name)
    path = unquote(local[1] if local else urlsplit(name).path)
    base = os.path.basename(path)
    uploaded = _UPLOADED.fullmatch(base)
    return here.get(base) or (here.get(uploaded[1]) if uploaded else "") or (path if local else name)
