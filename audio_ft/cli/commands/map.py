"""Group recordings without labels, on a page to listen to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import blocks, columns, say, show_result
from audio_ft.cli.inputs import say_about, unlabeled
from audio_ft.cli.options import CHECKPOINT, INCLUDED_MODEL, add_options, add_unlabeled_options, number
from audio_ft.formatting import counted, format_size

if TYPE_CHECKING:
    from audio_ft.evaluation.clusters import EmbeddingMap

STAGE = "data"
PAGE, PLAYERS = "map.html", 500
EPILOG = """examples:
  audio-ft map recordings
  audio-ft map calls --model facebook/wav2vec2-base --window 5 --clusters 8 --html calls.html

The page works offline. Clusters can be given names in it and saved as a table, which audio-ft train reads."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `map`."""
    add_options(parser, "data")
    model = f"{CHECKPOINT['help']} (default: a small one that is included)"
    parser.add_argument("--model", metavar=CHECKPOINT["metavar"], help=model)
    count = number(int, lambda clusters: clusters >= 2, "a whole number of at least 2")
    most = "number of k-means clusters (default: the one with the best silhouette)"
    parser.add_argument("--clusters", metavar="N", type=count, help=most)
    plane = "plane to look at (default: tsne for up to 10,000 recordings)"
    parser.add_argument("--projection", choices=("tsne", "pca", "umap"), help=plane)
    parser.add_argument("--html", metavar="FILE", default=PAGE, help=f"page to write (default: {PAGE})")
    players = number(int, lambda most: most >= 0, "a whole number")
    shown = f"how many recordings can be played in the page (default: {PLAYERS})"
    parser.add_argument("--players", metavar="N", type=players, default=PLAYERS, help=shown)
    add_unlabeled_options(parser)
    add_options(parser, "--json", json="clusters and places of all recordings")


def run(arguments: argparse.Namespace) -> None:
    """Embed the recordings, group them, and write the page."""
    from audio_ft.evaluation.clusters import embedding_map
    from audio_ft.file_io import require_parent
    from audio_ft.hub.load import load_frozen
    from audio_ft.inference.embedding_table import embed
    from audio_ft.reporting.html.clusters import write_map

    data, page = unlabeled(arguments), Path(arguments.html).expanduser()
    require_parent(page)
    encoder = load_frozen(arguments.model or str(INCLUDED_MODEL))
    embeddings = embed(encoder, data, layer=arguments.layer, window=arguments.window)
    say_about(embeddings)
    found = embedding_map(embeddings, clusters=arguments.clusters, projection=arguments.projection)
    write_map(found, page, arguments.data, players=arguments.players)
    show_result(arguments, content(found), as_lines(found))
    say(f"page: {page} ({format_size(page.stat().st_size)})")


def content(found: EmbeddingMap) -> dict[str, Any]:
    """Return places and clusters of all recordings, as JSON values."""
    table = found.embeddings.table
    rows = zip(table.file, table.start, table.end, found.points.tolist(), strict=True)
    return {
        "recordings": [{"file": file, "start": start, "end": end, "place": place} for file, start, end, place in rows],
        "clusterings": [
            {"name": each.name, "how": each.how, "silhouette": each.silhouette, "labels": each.labels.tolist()}
            for each in found.clusterings
        ],
        "agreement": {column: list(values) for column, values in found.agreement.items()},
        "model": found.embeddings.model,
        "layer": found.embeddings.layer,
    }


def as_lines(found: EmbeddingMap) -> list[str]:
    """Return the clusterings, and how they agree with columns of the data."""
    rows = [("", "clusters", "silhouette", "")]
    for each in found.clusterings:
        value = "–" if each.silhouette is None else f"{each.silhouette:.2f}"
        rows.append((each.name, str(each.count), value, each.how))
    names = [each.name for each in found.clusterings]
    agreed = [("agreement with", *names)]
    agreed += [(column, *(f"{value:.2f}" for value in values)) for column, values in found.agreement.items()]
    said = f"{counted(len(found.embeddings), 'recording')}, layer {found.embeddings.layer} of {found.embeddings.model}"
    return blocks([[said], columns(rows), columns(agreed) if found.agreement else []])
