"""Clusters and maps of embeddings without labels, and the page that shows them."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from checkpoints import WORDS
from pages import Page, check_page
from sklearn.metrics import silhouette_score

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.evaluation.clusters import by_size, in_plane
from audio_ft.inference.embedding_table import Embeddings
from audio_ft.reporting.html.scatter import column_of

SIZES = (30, 20, 10)


@pytest.fixture
def blobs() -> Embeddings:
    """Return sixty vectors in three groups far apart, without recordings."""
    rng = np.random.default_rng(0)
    centers = rng.normal(scale=6, size=(3, 16))
    truth = np.repeat(range(3), SIZES)
    table = pandas.DataFrame(
        {"file": [f"{row}.wav" for row in range(60)], "path": "", "start": 0.0, "end": 1.0, "group": None}
    )
    table["kind"] = [f"kind {one}" for one in truth]
    table["other"] = ["ab"[row % 2] for row in range(60)]
    vectors = (centers[truth] + rng.normal(size=(60, 16))).astype(np.float32)
    return Embeddings(table, vectors, "blobs", 1, None, audio=None)


def test_groups_far_apart_are_found_and_their_number_too(blobs):
    found = aft.embedding_map(blobs)
    truth = np.repeat(range(3), SIZES)
    for each in found.clusterings:
        assert each.labels.tolist() == truth.tolist(), each.name
    assert found.agreement["kind"] == (1.0, 1.0)
    assert max(map(abs, found.agreement["other"])) < 0.05
    again = aft.embedding_map(blobs)
    np.testing.assert_array_equal(found.points, again.points)
    # Nearest neighbors in the plane are of the same group.
    distances = np.linalg.norm(found.points[:, None] - found.points[None], axis=-1) + np.diag([np.inf] * 60)
    assert (truth[distances.argmin(1)] == truth).all()


def test_the_silhouette_is_its_definition(blobs):
    found = aft.embedding_map(blobs, clusters=2).clusterings[0]
    values = blobs.vectors.astype(float)
    values = (values - values.mean(0)) / values.std(0)  # principal components keep all distances
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    widths = []
    for row, own in enumerate(found.labels):
        inside, outside = (distances[row][(found.labels == own) == same] for same in (True, False))
        near, far = inside.sum() / (len(inside) - 1), outside.mean()
        widths.append((far - near) / max(near, far))
    assert found.silhouette == pytest.approx(np.mean(widths), abs=1e-3)


def test_clusters_are_numbered_by_size_and_bad_numbers_are_refused(blobs):
    assert by_size(np.array([7, 2, 2, -1])).tolist() == [1, 0, 0, -1]
    for number in (0, 61):
        with pytest.raises(aft.InputError, match=f"clusters={number}: expected 1 to 60, the number of different"):
            aft.embedding_map(blobs, clusters=number)
    with pytest.raises(aft.InputError, match="projection='grid' is not known; use one of tsne, pca, umap"):
        aft.embedding_map(blobs, projection="grid")
    few = replace(blobs, vectors=blobs.vectors[:3], table=blobs.table[:3])
    with pytest.raises(aft.InputError, match="at least 8 recordings, and 3 can be read; add some"):
        aft.embedding_map(few)


@pytest.mark.slow
def test_umap_keeps_groups_together(blobs):
    pytest.importorskip("umap")
    found = aft.embedding_map(blobs, clusters=3, projection="umap")
    assert found.projection.startswith("UMAP of 15 neighbors")
    assert silhouette_score(found.points, found.clusterings[0].labels) > 0.5


def test_umap_says_what_to_install(blobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(aft.InputError, match=r"needs umap-learn: pip install 'audio-ft\[map\]', or use tsne or pca"):
        in_plane(blobs.vectors.astype(float), "umap")


def test_recordings_that_are_all_alike_are_one_cluster(blobs):
    alike = replace(blobs, vectors=np.ones_like(blobs.vectors))
    first, second = aft.embedding_map(alike, projection="pca").clusterings
    assert (first.count, first.silhouette, first.how) == (1, None, "all recordings are alike")
    assert second.silhouette is None


def test_a_column_is_a_scale_or_names():
    assert column_of("a", [1.0, None, *range(20)])["numbers"][:3] == [1.0, None, 0.0]
    assert column_of("a", [1, 2, None, 1]) == {"name": "a", "names": ["1", "2", ""], "codes": [0, 1, 2, 0]}


def test_the_page_holds_all_it_needs_and_no_name_ends_its_data(tmp_path, capsys):
    folder = tmp_path / "calls"
    folder.mkdir()
    for number, file in enumerate(sorted(Path(WORDS, "test").glob("*.ogg"))[:10]):
        shutil.copy(file, folder / f"{number}.ogg")
    (folder / "0.ogg").rename(folder / "<!--<script>=1.ogg")
    output = tmp_path / "map.html"
    assert cli.main(["map", str(folder), "--html", str(output), "--players", "4", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert len(printed["recordings"]) == 10
    source = output.read_text("utf-8")
    page = Page(source)
    check_page(page)
    data = json.loads(source.partition('id="map-data">')[2].partition("</script>")[0])
    assert sorted(data["files"])[-1] == "<!--<script>=1.ogg"
    assert [column["name"] for column in data["columns"]] == ["k-means", "HDBSCAN"]
    assert len(data["sounds"]) == 4
    assert all(uri.startswith("data:audio/mpeg;base64,") for uri in data["sounds"].values())
    places = np.array([data["x"], data["y"]])
    assert np.abs(places).max() == 1.0
