"""The page of a map: recordings to listen to in a plane, and clusters to name and save as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from audio_ft.evaluation.clusters import Clustering, EmbeddingMap, few_values
from audio_ft.file_io import require_parent
from audio_ft.inference.embedding_table import END, FILE, GROUP, PATH, START
from audio_ft.redaction import display_name
from audio_ft.reporting.html.render import write_page
from audio_ft.reporting.html.scatter import SCRIPT, SHADES, scatter, sounds_of

PLAYERS = 500
NONE = "no cluster"


def write_map(found: EmbeddingMap, output: Path, data: str, *, players: int = PLAYERS) -> Path:
    """Write a map as one HTML file, and return its path; `data` is the path of the recordings.

    At most so many `players` are in it, evenly spaced over the clusters.

    Raises:
        InputError: its folder does not exist.
    """
    require_parent(output)
    embeddings, table = found.embeddings, found.embeddings.table
    rows = np.argsort(found.clusterings[0].labels, kind="stable")
    rows = rows[np.linspace(0, len(rows) - 1, min(players, len(rows))).astype(int)] if players else rows[:0]
    durations = (table[END] - table[START]).to_numpy()[rows]
    sounds, seconds = sounds_of(embeddings.audio, rows.tolist(), durations.tolist())
    whole = not embeddings.parts
    page: dict[str, Any] = {
        "found": found,
        "data": display_name(data),
        "model": display_name(embeddings.model),
        "players": len(sounds),
        "seconds": seconds,
        "points": scatter(found.points, list(table[FILE]), columns_of(found), sounds,
                          None if whole else list(zip(table[START], table[END], strict=True))),
    }  # fmt: skip
    write_page(page, output, "unlabeled.html", [SCRIPT])
    return output


def columns_of(found: EmbeddingMap) -> dict[str, list[Any]]:
    """Return what the points can be colored by: the clusters, then the columns of the data that name groups."""
    columns: dict[str, list[Any]] = {each.name: cluster_names(each) for each in found.clusterings}
    table = found.embeddings.table
    for name in table:
        cells = table[name].tolist()
        numbers = table[name].dtype.kind in "if" and len(set(cells)) > SHADES
        known = (FILE, PATH, START, *([GROUP] if found.embeddings.grouped_by in table else []))
        if name not in known and (numbers or few_values(cells)):
            columns["seconds" if name == END and not found.embeddings.parts else str(name)] = cells
    return columns


def cluster_names(clustering: Clustering) -> list[str]:
    """Return a name for the cluster of each recording, such that they sort by size."""
    digits = len(str(clustering.count))
    return [NONE if label < 0 else f"cluster {label + 1:0{digits}}" for label in clustering.labels]
