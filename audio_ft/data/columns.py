"""Columns: which one holds the recording, the target and the group; and which rows a user asked for."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown
from audio_ft.targets.cells import Tiers, as_text, missing

AUDIO: Tiers = (
    ("audio",),
    ("file_name", "filename", "file", "path", "filepath", "file_path", "audio_path", "audio_file", "audio_filepath",
     "audio_filename", "wav", "wav_path", "wav_file", "recording_path", "slice_file_name", "fname", "clip"),
)  # fmt: skip
# In order of preference: the widest source of leakage first.
GROUP: tuple[str, ...] = (
    "speaker_id", "speaker", "spk_id", "spk", "speaker_name", "client_id", "user_id", "user", "subject_id", "subject",
    "participant_id", "participant", "patient_id", "patient", "actor_id", "actor", "singer", "artist",
    "session_id", "session", "conversation_id", "dialogue_id", "recording_id", "recording", "source_file", "src_file",
    "original_file", "video_id", "youtube_id", "ytid", "fsid", "freesound_id", "location", "site", "device_id",
)  # fmt: skip
# How manifests of long recordings say where a row begins in its file.
STARTS: tuple[str, ...] = (
    "offset",
    "start",
    "start_time",
    "start_sec",
    "start_seconds",
    "begin",
    "begin_time",
    "onset",
)
SPLIT: tuple[str, ...] = ("split", "subset", "partition")

# File names of well-known sets that say who speaks: what to call it, and the pattern each name must match.
_NAMED_GROUPS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("speaker, as in speech-commands names", re.compile(r"([0-9a-f]{6,})_nohash_\d+")),
    ("speaker, as in LibriSpeech names", re.compile(r"(\d+)-\d+-\d{4}")),
    ("actor, as in RAVDESS names", re.compile(r"\d\d-\d\d-\d\d-\d\d-\d\d-\d\d-(\d\d)")),
    ("actor, as in Emo-DB names", re.compile(r"(\d\d)[ab]\d\d[A-Z][a-z]?")),
)


def plain(name: str) -> str:
    """Return a column name as it is compared: "Speaker ID", "speaker-id", "speaker_id" and "speakerId" are one."""
    return re.sub(r"[\s\-_]+", "", name.lower())


def among(name: str, known: Sequence[str]) -> bool:
    """Tell whether a column has one of the names known."""
    return plain(name) in map(plain, known)


def names_one_of(names: Iterable[str], tiers: Iterable[Sequence[str]]) -> bool:
    """Tell whether one of the columns has a name that one of the tiers holds."""
    return any(among(name, tier) for name in names for tier in tiers)


def named(names: Iterable[str], name: str, source: str) -> str:
    """Return the column that the user named.

    Raises:
        InputError: no such column; lists the columns that are there.
    """
    names = list(names)
    if name not in names:
        raise InputError(f"{source}: no column {name!r}; the columns there are {', '.join(names) or 'none'}")
    return name


def find(names: Iterable[str], tiers: Tiers, what: str, setting: str, source: str) -> str:
    """Return the one column among `names` that a tier knows.

    Raises:
        InputError: no column or several of the same rank; lists what is there and names the setting that decides.
    """
    names = list(names)
    for tier in tiers:
        found = [name for name in names if among(name, tier)]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{source}: columns {', '.join(found)} could each hold {what}; name the one to use with {setting}"
            )
    raise InputError(
        f"{source}: no column holds {what} by its name; the columns there are {', '.join(names) or 'none'}: "
        f"name one with {setting}"
    )


def find_audio(columns: Mapping[str, Sequence[Any]], wish: str | None, source: str) -> str:
    """Return the column with the paths of the recordings; of several by name, the one whose cells look like audio."""
    if wish is not None:
        return named(columns, wish, source)
    files = [name for name, cells in columns.items() if _lists_audio(cells)]
    likely = [name for name in files if any(among(name, tier) for tier in AUDIO)]
    if not likely and len(files) == 1:
        return files[0]
    return find(likely or columns, AUDIO, "the path of the recording", "audio=NAME", source)


def _lists_audio(cells: Sequence[Any]) -> bool:
    """Tell whether the first filled cells end as audio files do."""
    first = [cell for cell in cells[:100] if cell][:10]
    return bool(first) and all(
        isinstance(cell, str) and PurePath(cell).suffix.lower() in AUDIO_SUFFIXES for cell in first
    )


def find_group(columns: Mapping[str, Sequence[Any]], wish: str | None, target: str, source: str) -> str | None:
    """Return the column whose rows belong on one side of a split, None where there is none or `wish` is "".

    A column found by itself must tell rows apart without telling all of them apart; one group for all rows is
    returned only where nothing better is there, so that the split can refuse.
    """
    if wish == "":
        return None
    if wish is not None:
        if wish == target:
            raise InputError(f"{source}: column {wish!r} cannot be both target and group; name another, or group=''")
        return named(columns, wish, source)
    by_name = {plain(name): name for name in columns if name != target}
    constant = None
    for name in (by_name[plain(known)] for known in GROUP if plain(known) in by_name):
        filled = [cell for cell in columns[name] if not missing(cell)]
        distinct = len(set(map(str, filled)))
        if distinct == 1 and len(filled) > 1:
            constant = constant or name
        elif 1 < distinct < len(columns[name]):
            return name
    return constant


def cuts(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return a warning for each column by which rows seem to be parts of their files, which nothing here cuts."""
    return [
        f"column {name!r} seems to say where in its file a row begins; files are not cut, each row is its whole file: "
        "cut them first, into a file a row"
        for name, cells in columns.items()
        if among(name, STARTS) and any(_number(cell) for cell in cells if not missing(cell))
    ]


def group_from_names(names: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return (what it is, a group for each file name) where all names follow one well-known pattern."""
    stems = [PurePath(name).stem for name in names]
    for what, pattern in _NAMED_GROUPS:
        if stems and pattern.fullmatch(stems[0]):
            found = [match for match in map(pattern.fullmatch, stems) if match]
            groups = [match.group(1) for match in found]
            if len(groups) == len(stems) and 1 < len(set(groups)) < len(stems):
                return what, groups
    return None


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le
}  # fmt: skip
_CONDITION = re.compile(r"\s*(?P<column>[^=!<>]+?)\s*(?P<sign>==|!=|>=|<=|=|>|<)\s*(?P<value>.*?)\s*", re.DOTALL)


def parse_condition(condition: str) -> tuple[str, str, str]:
    """Return (column, sign, value) of a row filter such as "language=en" or "duration>1".

    Raises:
        InputError: no sign, no column, or an order asked of something that is no number.
    """
    match = _CONDITION.fullmatch(condition)
    if not match:
        raise InputError(f'where: expected a filter such as "language=en" or "duration>1", got {shown(condition)}')
    column, sign, value = match["column"], match["sign"].replace("==", "="), match["value"]
    if sign in _ORDERS and _number(value) is None:
        raise InputError(f"where: {shown(condition)} compares with {shown(value)}, which is no number; use = or !=")
    return column, sign, value


def rows_where(columns: Mapping[str, Sequence[Any]], conditions: Sequence[str], source: str) -> list[int] | None:
    """Return the places of the rows that meet every condition; None where there is no condition.

    An empty cell equals the empty text and has no order.
    """
    if not conditions:
        return None
    keep = list(range(len(next(iter(columns.values()), ()))))
    for condition in conditions:
        column, sign, value = parse_condition(condition)
        cells = columns[named(columns, column, source)]
        if sign in _ORDERS:
            keep = [row for row in keep if _ordered(cells[row], sign, value, f"{source}, column {column!r}")]
        else:
            keep = [row for row in keep if (as_text(cells[row]) == value) is (sign == "=")]
    return keep


def _ordered(cell: Any, sign: str, value: str, place: str) -> bool:
    """Compare a cell with a number; an empty cell has no order."""
    if missing(cell):
        return False
    number = _number(cell)
    if number is None:
        raise InputError(f"{place}: {cell!r} is no number, so it cannot be compared by {sign}; use = or !=")
    return _ORDERS[sign](number, float(value))


def _number(cell: Any) -> float | None:
    """Return a cell as a number, None where it is none."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
