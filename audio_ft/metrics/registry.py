"""The registry of metrics, filled by importing the files of this folder, and the direction of every score."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from audio_ft import extensions
from audio_ft.errors import InputError, did_you_mean

# AudioMetric registers itself here, so importing it would be circular.
AudioMetric = Any


class Registry(Mapping[str, type[AudioMetric]]):
    """Map metric names ("f1", "roc_auc") to their classes, other packages' included; all are imported on first use.

    They import evaluate, which takes seconds; `audio-ft --help` must not wait for it.
    """

    def __init__(self) -> None:
        self.registered: dict[str, type[AudioMetric]] = {}

    def register(self, name: str, metric: type[AudioMetric]) -> None:
        """Add a metric under its name; a later class of the same name replaces the earlier one."""
        self.registered[name] = metric

    @cached_property
    def _loaded(self) -> dict[str, type[AudioMetric]]:
        package = importlib.import_module("audio_ft.metrics")
        for module in pkgutil.iter_modules(package.__path__, "audio_ft.metrics."):
            importlib.import_module(module.name)
        for name in extensions.names("metrics"):
            extensions.load("metrics", name)
        return self.registered

    def __getitem__(self, name: str) -> type[AudioMetric]:
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


METRICS = Registry()


def metrics_of(kind: str) -> list[type[AudioMetric]]:
    """Return the metrics for a kind of target, by the `kind` of its sample."""
    return [metric for metric in METRICS.values() if kind in metric.kinds]


def metric_of(name: str, metrics: Iterable[type[AudioMetric]]) -> type[AudioMetric] | None:
    """Return the metric that computes a score ("accuracy", "f1[zero]"); None if none does."""
    stem = name.split("[", 1)[0] if name.endswith("]") else ""
    return next((metric for metric in metrics if name in metric.names or (stem and stem == metric.per_class)), None)


def direction(name: str) -> bool:
    """Return whether a greater value of this score is better.

    Args:
        name: a score name as `score` writes it ("accuracy", "f1[zero]", "wer"), or "loss".

    Raises:
        InputError: there is no such score; the message names the closest ones.
    """
    if name == "loss":  # the Trainer's, which no metric computes
        return False
    metric = metric_of(name, METRICS.values())
    if metric is None:
        known = {"loss", *(each for metric in METRICS.values() for each in (*metric.names, metric.per_class) if each)}
        raise InputError(f"No score is called {name!r}.{did_you_mean(name.split('[')[0], known, list_all=True)}")
    return metric.greater_is_better
