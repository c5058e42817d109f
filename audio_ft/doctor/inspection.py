"""The result of an inspection: facts of the set, of each recording, and findings in the order in which to fix them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audio_ft.data.findings import Finding
from audio_ft.data.probe import Probed
from audio_ft.data.rows import File, Stored
from audio_ft.doctor.facts import Durations, SplitFacts
from audio_ft.doctor.measure import Measured
from audio_ft.targets import target_class


@dataclass(frozen=True)
class Recording:
    """Hold what is known of one recording: its row, its header, what was measured, and the names of findings on it."""

    key: str
    source: File | Stored
    split: str
    target: str
    group: str | None
    header: Probed
    measured: Measured | None
    findings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, measurements beside the facts of the header."""
        header = {
            name: getattr(self.header, name) for name in ("size", "seconds", "rate", "channels", "format", "error")
        }
        measured = dataclasses.asdict(self.measured) if self.measured else {}
        measured.pop("fingerprint", None)
        row = {"key": self.key, "split": self.split, "target": self.target, "group": self.group}
        return row | header | measured | {"findings": self.findings}


@dataclass(frozen=True)
class Inspection:
    """Hold what was found in a data set.

    `problem` is the error with which training would refuse it; `decoded` whether more than headers was read;
    `unreadable` pairs keys and reasons, `duplicates` lists keys of equal content, `findings` come in the order in which
    to fix them, `leaks` is what was compared between splits, "" where only headers were read, and `voices` how voices
    were compared, "" where they were not.
    """

    path: str
    kind: str
    target: str | None
    group: str | None
    rule: str
    problem: str | None
    splits: Mapping[str, SplitFacts]
    durations: Durations | None
    rates: Mapping[int, int]
    channels: Mapping[int, int]
    formats: Mapping[str, int]
    unreadable: tuple[tuple[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    findings: tuple[Finding, ...]
    recordings: tuple[Recording, ...]
    decoded: bool
    decoders: str
    reading: str = ""
    leaks: str = ""
    voices: str = ""

    @property
    def kind_in_words(self) -> str:
        """Return the kind of target in words."""
        return target_class(self.kind).wording.short

    @property
    def seconds(self) -> float:
        """Return the duration of all recordings."""
        return sum(facts.seconds for facts in self.splits.values())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        found = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        plain = dataclasses.asdict(dataclasses.replace(self, recordings=()))
        return found | plain | {"recordings": [one.to_dict() for one in self.recordings]}
