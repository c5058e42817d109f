"""Find groups in embeddings without labels, and a plane to look at them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.inference.embedding_table import END, FILE, GROUP, PATH, START, Embeddings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEWEST = 8
PROJECTIONS = ("tsne", "pca", "umap")
# Numbers of clusters that k-means tries.
MOST_CLUSTERS = 15
# Of more recordings, a silhouette is that of a sample.
SAMPLE = 2_000
# t-SNE takes minutes for more than this many recordings.
MOST_TSNE = 10_000
# UMAP's own default.
UMAP_NEIGHBORS = 15
# Directions of greatest variance that are kept; in more than about ten dimensions densities say little. Density counts
# so many neighbors: with as many as the smallest cluster has (scikit-learn's default), HDBSCAN puts all 535 clips of
# emotion_de and 78 % of digits into no cluster, and with three 29 and 39 % (embeddings of wav2vec2-mini).
KEPT, DENSE, NEIGHBORS = 50, 10, 3
# A column of more values than this is not compared with the clusters, nor are columns of one value.
MOST_VALUES = 60


@dataclass(frozen=True)
class Clustering:
    """Hold one way of grouping recordings.

    Attributes:
        name: "k-means" or "HDBSCAN".
        labels: the cluster of each recording, from 0, the largest first; -1 where it belongs to none.
        silhouette: how much nearer recordings are to their own cluster than to the next one, from -1 to 1; None for
            fewer than two clusters.
        how: how the clusters were found, in a phrase.
    """

    name: str
    labels: Ints
    silhouette: float | None
    how: str

    @property
    def count(self) -> int:
        """Return the number of clusters."""
        return int(self.labels.max(initial=-1)) + 1


@dataclass(frozen=True)
class EmbeddingMap:
    """Hold recordings with their places in a plane and their clusters.

    Attributes:
        embeddings: the recordings and their vectors.
        points: places in the plane (rows, 2).
        projection: how the plane was found, in a phrase.
        clusterings: k-means and HDBSCAN.
        agreement: for each column of the data with few values, the adjusted mutual information with each clustering
            (0: as by chance, 1: the same groups).
    """

    embeddings: Embeddings
    points: Floats
    projection: str
    clusterings: tuple[Clustering, ...]
    agreement: Mapping[str, tuple[float, ...]]


def embedding_map(
    embeddings: Embeddings, *, clusters: int | None = None, projection: str | None = None, seed: int = 0
) -> EmbeddingMap:
    """Group recordings by their embeddings, and place them in a plane where neighbors sound alike to the network.

    Args:
        embeddings: what `aft.embed` returned.
        clusters: the number of k-means clusters; None takes the one with the greatest silhouette, up to 15.
        projection: "tsne", "pca" or "umap" (the extra map); None is t-SNE for up to 10,000 recordings.
        seed: seed of the clusters and of the plane.

    Example:
        >>> import audio_ft as aft
        >>> vectors = aft.embed(aft.Encoder.load("facebook/wav2vec2-base"), "recordings")  # doctest: +SKIP
        >>> found = aft.embedding_map(vectors)  # doctest: +SKIP
        >>> found.clusterings[0].labels  # doctest: +SKIP
        array([3, 3, 0, ...])

    Raises:
        InputError: fewer than eight recordings, more clusters than different ones, or a projection that is unknown or
            not installed.
    """
    if len(embeddings) < FEWEST:
        raise InputError(f"a map needs at least {FEWEST} recordings, and {len(embeddings)} can be read; add some.")
    features = principal(embeddings.vectors)
    points, how = in_plane(features, projection, seed)
    found = (_k_means(features, clusters, seed), _hdbscan(features[:, :DENSE]))
    return EmbeddingMap(embeddings, points, how, found, _agreement(embeddings, found))


def principal(vectors: NDArray[np.float32], kept: int = KEPT) -> Floats:
    """Return the first principal components (rows, kept) of standardized vectors (rows, width)."""
    from sklearn.decomposition import PCA

    values = vectors.astype(np.float64)
    values = (values - values.mean(0)) / (values.std(0) + 1e-6)
    kept = min(kept, *values.shape)
    with np.errstate(invalid="ignore"):  # recordings that are all alike have no variance to share
        return np.asarray(PCA(kept, svd_solver="full").fit_transform(values))


def few_values(cells: Sequence[Any]) -> bool:
    """Tell whether the cells of a column have more than one and few enough different values to name groups."""
    return 1 < len(set(map(str, cells))) <= min(MOST_VALUES, len(cells) // 2)


def in_plane(features: Floats, projection: str | None = None, seed: int = 0) -> tuple[Floats, str]:
    """Return places in a plane (rows, 2) with both means 0, and how they were found, of principal components.

    Raises:
        InputError: the projection is not known, or not installed.
    """
    name = projection or ("tsne" if len(features) <= MOST_TSNE else "pca")
    if name not in PROJECTIONS:
        raise InputError(f"projection={name!r} is not known; use one of {', '.join(PROJECTIONS)}.")
    if name == "pca":
        return features[:, :2], "the two directions of greatest variance"
    points, how = (_umap if name == "umap" else _tsne)(features, seed)
    return points - points.mean(0), f"{how}: near is alike, far says little"


def _tsne(features: Floats, seed: int) -> tuple[Floats, str]:
    """Return places by t-SNE, and how they were found."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    found = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(features)
    return np.asarray(found, np.float64), f"t-SNE of perplexity {perplexity:.3g}"


def _umap(features: Floats, seed: int) -> tuple[Floats, str]:
    """Return places by UMAP, and how they were found.

    Raises:
        InputError: its package is not installed.
    """
    if importlib.util.find_spec("umap") is None:
        raise InputError("projection='umap' needs umap-learn: pip install 'audio-ft[map]', or use tsne or pca.")
    from umap import UMAP

    neighbors = min(UMAP_NEIGHBORS, len(features) - 1)
    # With a seed it takes one job in any case.
    found = UMAP(n_neighbors=neighbors, init="pca", random_state=seed, n_jobs=1).fit_transform(features)
    return np.asarray(found, np.float64), f"UMAP of {neighbors} neighbors"


def _k_means(features: Floats, clusters: int | None, seed: int) -> Clustering:
    """Return k-means clusters: so many, or as many as have the greatest silhouette.

    Raises:
        InputError: no clusters, or more than different recordings.
    """
    from sklearn.cluster import KMeans

    different = len(np.unique(features.round(6), axis=0))
    if clusters is not None and not 1 <= clusters <= different:
        raise InputError(f"clusters={clusters}: expected 1 to {different:,}, the number of different recordings.")
    tried = range(2, min(MOST_CLUSTERS, different - 1) + 1) if clusters is None else [clusters]
    found = [KMeans(count, n_init=4, random_state=seed).fit_predict(features) for count in tried]
    if not found:
        return Clustering("k-means", np.zeros(len(features), np.int64), None, "all recordings are alike")
    values = [_silhouette(features, labels, seed) for labels in found]
    best = int(np.argmax([-1.0 if value is None else value for value in values]))
    chosen = f"the best silhouette of 2 to {tried[-1]} clusters" if clusters is None else "the number asked for"
    return Clustering("k-means", by_size(found[best]), values[best], chosen)


def _hdbscan(features: Floats) -> Clustering:
    """Return the dense groups, of at least 2 % of the recordings."""
    from sklearn.cluster import HDBSCAN

    least = max(5, len(features) // 50)
    labels = by_size(HDBSCAN(min_cluster_size=least, min_samples=NEIGHBORS, copy=True).fit_predict(features))
    inside = labels >= 0
    value = _silhouette(features[inside], labels[inside], 0)
    return Clustering("HDBSCAN", labels, value, f"dense groups of at least {least}; {(~inside).sum():,} in none")


def by_size(labels: NDArray[Any]) -> Ints:
    """Return clusters numbered from the largest on, from 0; negative ones are -1."""
    names, counts = np.unique(labels[labels >= 0], return_counts=True)
    number = {name: place for place, name in enumerate(names[np.argsort(-counts, kind="stable")])}
    return np.array([number.get(label, -1) for label in labels], np.int64)


def _silhouette(features: Floats, labels: NDArray[Any], seed: int) -> float | None:
    """Return the mean silhouette; None for fewer than two clusters or for as many as recordings."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    sample = SAMPLE if len(labels) > SAMPLE else None
    return float(silhouette_score(features, labels, sample_size=sample, random_state=seed))


def _agreement(embeddings: Embeddings, clusterings: Sequence[Clustering]) -> dict[str, tuple[float, ...]]:
    """Return the adjusted mutual information of each clustering with each column that names groups."""
    from sklearn.metrics import adjusted_mutual_info_score

    table = embeddings.table
    repeated = [GROUP] if embeddings.grouped_by in table else []
    columns = {name: table[name].astype(str) for name in table if name not in (FILE, PATH, START, END, *repeated)}
    return {
        name: tuple(round(float(adjusted_mutual_info_score(cells, found.labels)), 4) + 0.0 for found in clusterings)
        for name, cells in columns.items()
        if few_values(cells)
    }
