"""A finding: what is wrong with a data set, which recordings it is about, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# An "error" makes a score wrong or a recording unusable, a "warning" makes training harder, "info" is good to know.
SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """Hold one kind of problem of a data set.

    Attributes:
        name: what it is called, the same for every data set ("clipped").
        severity: one of `SEVERITIES`.
        sentence: what was found, with its number ("12 recordings are clipped").
        fix: how to fix it, "" where there is nothing to do.
        keys: the recordings that it is about, () where it is about the set.
        together: the keys of recordings that belong together, such as the copies of each recording that has any.
    """

    name: str
    severity: str
    sentence: str
    fix: str = ""
    keys: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order in which to fix them: the most severe first, then those of most recordings.

    Example:
        >>> few, many = (Finding("clipped", "warning", "…", keys=keys) for keys in (("a",), ("a", "b")))
        >>> [len(finding.keys) for finding in ranked([few, many])]
        [2, 1]
    """
    return tuple(sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), -len(one.keys), one.name)))
