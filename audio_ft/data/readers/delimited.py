"""Delimited text with a header or without one: which delimiter, which quoting, and what the columns are called."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Container, Sequence
from pathlib import Path, PurePath
from typing import Literal

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.audio.output_paths import is_audio
from audio_ft.data.readers.text_files import lines_of
from audio_ft.data.rows import Columns
from audio_ft.data.table.columns import AUDIO, FILE, GROUP, SPLIT, among, names_target
from audio_ft.errors import InputError
from audio_ft.file_io import restored_cell
from audio_ft.formatting import counted

_DELIMITERS = ",;\t|"
# A transcript or a list of tags may be long, but a cell of a megabyte means an unclosed quotation mark.
_LONGEST_CELL = 1_000_000
# "clips/my take.wav seven": a path up to its suffix, and the rest of the line.
_PATH_FIRST = re.compile(rf"(\S.*?(?:{'|'.join(map(re.escape, sorted(AUDIO_SUFFIXES)))}))\s+(\S.*)", re.IGNORECASE)
# The same with any delimiter.
_PATH_THEN_MORE = re.compile(_PATH_FIRST.pattern.replace(r"\s+(\S.*)", r"[\s,;|]+\S"), re.IGNORECASE)
# A column of transcripts is one in which most cells have a blank.
_MOSTLY = 0.5


def read_delimited(
    text: str, path: Path, names: Sequence[str], at_hand: Callable[[], Container[str]]
) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns of delimited text, and what a user should know of how they were read.

    `names` are the columns of a file without a header; () decides by the first row, which is not a header if it has the
    path of a recording, or begins with the name, without suffix, of one `at_hand`. "# YTID, start_seconds" is a header,
    as in AudioSet.

    Raises:
        InputError: a row is broken, two columns have one name, or there is no row.
    """
    text = _without_comments(text)
    # Excel's own line on the delimiter.
    marked = re.match(r"sep=(.)\r?\n", text)
    text = text[marked.end() :] if marked else text
    tabs = path.suffix.lower() == ".tsv" and "\t" in text.split("\n", 1)[0]
    delimiter = marked[1] if marked else "\t" if tabs else _delimiter(text)
    if delimiter is None:
        rows = _blank_separated(text, path)
    elif delimiter in "\t|":
        rows = _rarely_quoted(text, path, delimiter)
    else:
        rows = _rows(text, path, delimiter, csv.QUOTE_MINIMAL)
    rows, notes = _restored(rows, path)
    if names:
        if rows and len(rows[0]) != len(names):
            raise InputError(
                f"{path}: data.columns names {len(names)} columns ({', '.join(names)}), and the rows have "
                f"{len(rows[0])}; name each of them"
            )
        return _columns(list(names), rows, path), notes
    if rows and not _is_header(rows[0], at_hand):
        columns = _columns(_names_of(rows), rows, path)
        said = f"its columns are read as {', '.join(columns)}; data.columns=NAME,… changes that"
        return columns, (*notes, f"{path.name} has no header: {said}")
    if len(rows) < 2:
        raise InputError(f"{path}: expected a header line and at least one row, got none; write one row per recording")
    # A column without a name is an index that pandas wrote.
    return _columns([name or f"column {number}" for number, name in enumerate(rows[0], start=1)], rows[1:], path), notes


def names_recordings(text: str, places: Container[str]) -> bool:
    """Tell whether the first lines each have a path and more; `places` are ways to write the paths of recordings.

    The first line may be a header.
    """
    lines = [line.strip() for line in lines_of(text)[:20] if line.strip()]
    matches = [_PATH_THEN_MORE.match(line.replace("\\", "/")) for line in lines]
    paths = [match and match[1] for match in (matches if matches and matches[0] else matches[1:])]
    # In "See a.wav" the blank belongs to a sentence, unless a recording is called that.
    return bool(paths) and all(
        path and (path in places or (" " not in path and PurePath(path).stem in places)) for path in paths
    )


def _without_comments(text: str) -> str:
    """Return text without the lines that begin with # at its start; the last of several is the header (AudioSet)."""
    lines = text.split("\n")
    comments = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    if not comments:
        return text
    header = comments[-1].lstrip("#").strip() if any(mark in comments[-1] for mark in _DELIMITERS) else ""
    known = header and any(_is_known(name.strip()) for name in re.split(r"[,;\t|]", header))
    rest = lines[len(comments) :]
    # A single comment may itself be the header.
    return "\n".join([header, *rest] if known else rest)


def _delimiter(text: str) -> str | None:
    """Return the delimiter that gives the most cells in each of the first lines, equally many; None for blanks."""

    def fit(delimiter: str) -> tuple[bool, bool, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        widths: list[int] = []
        first: list[str] = []
        # An unclosed quotation mark makes one cell of all the rest; parsing reports the line.
        with contextlib.suppress(csv.Error):
            for cells in filter(None, itertools.islice(reader, 20)):
                widths.append(len(cells))
                first.append(cells[0])
        width = widths[0] if widths else 0
        # LJSpeech's transcripts may have equally many commas, but then "LJ001|Printing" is no name of a file.
        clean = not any(mark in cell for cell in first for mark in _DELIMITERS)
        # A delimiter that does not occur gives one cell a line in every file, so one cell proves nothing.
        return width > 1 and len(set(widths)) == 1, clean, width

    best = max(_DELIMITERS, key=fit)
    if fit(best)[0]:
        return best
    first = [line for line in itertools.islice(lines_of(text), 20) if line.strip()]
    return None if first and all(map(_PATH_FIRST.fullmatch, first)) else best


def _blank_separated(text: str, path: Path) -> list[list[str]]:
    """Return the path and the rest of each line."""
    rows = []
    for number, line in enumerate(lines_of(text), start=1):
        if line.strip():
            match = _PATH_FIRST.fullmatch(line.strip())
            if not match:
                raise InputError(f"{path}, line {number}: expected the path of a recording, a blank and its target")
            rows.append([match[1], match[2].strip()])
    return rows


def _rarely_quoted(text: str, path: Path, delimiter: str) -> list[list[str]]:
    """Return rows; with unpaired quotes they are read without quoting, as Common Voice and LJSpeech write them."""
    try:
        rows = _rows(text, path, delimiter, csv.QUOTE_MINIMAL)
    except InputError:
        return _rows(text, path, delimiter, csv.QUOTE_NONE)
    # Quotation marks in two different rows may pair by chance and join all rows between them. The second line of a cell
    # that really has two contains no delimiter, so without quoting its row is refused.
    if any("\n" in cell for cells in rows for cell in cells):
        with contextlib.suppress(InputError):
            return _rows(text, path, delimiter, csv.QUOTE_NONE)
    return rows


def _rows(text: str, path: Path, delimiter: str, quoting: Literal[0, 3]) -> list[list[str]]:
    """Parse delimited text strictly: each row has as many cells as the first one."""
    # newline="" keeps line ends inside quoted cells as they are.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True,
                        skipinitialspace=delimiter != "\t")  # fmt: skip
    rows: list[list[str]] = []
    previous = csv.field_size_limit(_LONGEST_CELL)
    try:
        for cells in filter(None, reader):
            rows.append(cells)
            if len(cells) != len(rows[0]):
                raise InputError(
                    f"{path}, line {reader.line_num}: expected {len(rows[0])} cells as in the header, got "
                    f"{len(cells)}; put quotes around cells that contain {delimiter!r}"
                )
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a readable row ({error}); check its quotes") from error
    finally:
        csv.field_size_limit(previous)
    return rows


def _restored(rows: list[list[str]], path: Path) -> tuple[list[list[str]], tuple[str, ...]]:
    """Return rows without the apostrophe that keeps spreadsheets from running a cell as a formula, and a note on it."""
    restored = [list(map(restored_cell, row)) for row in rows]
    pairs = zip(itertools.chain(*restored), itertools.chain(*rows), strict=True)
    changed = [cell for cell, before in pairs if cell != before]
    if not changed:
        return rows, ()
    many = f"{path.name}: {counted(len(changed), 'cell')} read without the apostrophe"
    return restored, (f"{many} that keeps spreadsheets from running what follows (first: {changed[0]})",)


def _is_header(row: Sequence[str], at_hand: Callable[[], Container[str]]) -> bool:
    """Tell whether a first row names columns: it has no path, and does not begin with the name of a recording."""
    if any(map(is_audio, row)):
        return False
    return _is_known(row[0]) or len(row) < 2 or PurePath(row[0].strip()).name not in at_hand()


def _is_known(name: str) -> bool:
    """Tell whether a column has one of the names by which columns are found."""
    return names_target(name) or among(name, *AUDIO, GROUP, SPLIT)


def _names_of(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return names of columns that have none: the path, transcripts, and what a speaker or a label looks like."""
    columns = [list(map(str.strip, cells)) for cells in zip(*rows, strict=True)]
    names = [f"column {number}" for number in range(1, len(columns) + 1)]
    # Names without a suffix are in the first column.
    file = next((place for place, cells in enumerate(columns) if is_audio(cells[0])), 0)
    rest = [place for place in range(len(columns)) if place != file]
    texts = [place for place in rest if sum(" " in cell for cell in columns[place]) > _MOSTLY * len(rows)]
    repeated = [place for place in rest if place not in texts and 1 < len(set(columns[place])) < len(rows)]
    for place, name in (
        (file, FILE),
        # LJSpeech has the text as written and, after it, as spoken.
        *zip(texts, ("text", "normalized_text"), strict=False),
        *((place, "speaker" if texts else "label") for place in repeated if len(repeated) == 1),
    ):
        names[place] = name
    if len(rest) == 1 and not texts:
        names[rest[0]] = "label"
    return names


def _columns(names: list[str], rows: Sequence[Sequence[str]], path: Path) -> Columns:
    """Return rows as columns."""
    repeated = sorted(name for name in set(names) if names.count(name) > 1)
    if repeated:
        raise InputError(f"{path}: two columns are called {repeated[0]!r}; rename one of them")
    if not rows:
        raise InputError(f"{path}: it has no row; write one row per recording")
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
