"""Files and folders written whole or not at all, and the JSON, text and tables in them."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.formatting import escaped, format_size, why_not_parsed

# Unfinished files and folders have a hidden name of fixed length next to their target, whose own name may already be as
# long as the file system allows.
_UNFINISHED = re.compile(r"\.[0-9a-f]{16}\.part")

# The full-width forms are signs of formulas where Excel is Japanese.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

# Of run.json, recipe.json and chain.json; audio_ft 0.1 wrote the first.
FORMAT = 2


@contextmanager
def replacing(target: Path, *, make_parents: bool = False) -> Iterator[Path]:
    """Yield a path next to `target` for a new file or folder, which replaces the target when the block ends.

    A reader sees the old content or the new one, never half of it. After an error or an interruption only the old
    content is there; a killed process leaves a hidden `.part`, which `remove_unfinished` finds.

    Example:
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            np.save(stream, array)

    Raises:
        InputError: the place cannot be written, or the disk is full.
    """
    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if make_parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        require_parent(target)
        yield unfinished
        if unfinished.is_dir() and target.is_dir():
            shutil.rmtree(target)
        os.replace(unfinished, target)
    except Exception as error:
        if is_disk_full(error):
            reason, fix = "no space left on the disk", "free some and run this again"
        # The block may also read or download: only an error with one of these paths is about writing.
        elif isinstance(error, OSError) and (
            unfinished.name in str(error) or error.filename in map(str, target.parents)
        ):
            reason, fix = error.strerror or str(error), "make its folder writable, or give another folder"
        else:
            raise
        raise InputError(f"{target}: cannot be written: {reason}; {fix}.") from error
    finally:
        remove(unfinished)


def require_parent(target: Path) -> None:
    """Raise `InputError` if the folder that a file is to be written into does not exist, before the work starts."""
    if not target.parent.is_dir():
        where = f"no such folder: {target.parent}; make it, or give another folder"
        raise InputError(f"{target}: cannot be written: {where}.")


def remove_unfinished(folder: Path, *, below: bool = False) -> None:
    """Remove files and folders that a killed process left unfinished in a folder, or also in all folders `below`."""
    for path in list(folder.rglob(".*.part") if below else folder.glob(".*.part")):
        if _UNFINISHED.fullmatch(path.name):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or folder if possible, without an error, which might hide another."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def write_bytes(file: Path, content: bytes, *, make_parents: bool = False, durable: bool = False) -> None:
    """Write a file whole or not at all; a file with the same content is not written again.

    `durable` waits until the disk has the content.

    Raises:
        InputError: the place cannot be written.
    """
    if file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content:
        return
    with replacing(file, make_parents=make_parents) as unfinished, unfinished.open("wb") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())


def write_text(file: Path, text: str, *, make_parents: bool = False) -> None:
    """Write a text as UTF-8, as `write_bytes` does; what UTF-8 lacks (in names of files) is written as an escape."""
    write_bytes(file, text.encode("utf-8", "backslashreplace"), make_parents=make_parents)


def json_text(content: Any, *, indent: int | None = None) -> str:
    """Return data as JSON without NaN: text as it is, but invisible characters and what UTF-8 lacks as JSON's escapes.

    Without `indent` it is one line, for every reader: some end lines at U+0085 and U+2028 too.
    """
    return escaped(json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False), lines=True)


def as_json(content: Any) -> bytes:
    """Return data as the JSON text of a settings file: indented, in UTF-8, without NaN."""
    return f"{json_text(content, indent=2)}\n".encode()


def write_json(file: Path, content: Any) -> None:
    """Write JSON as `write_bytes` does, and wait until the disk has it."""
    # After a power failure, a name may be on disk before its content; these files say what a folder contains.
    write_bytes(file, as_json(content), durable=True)


def parse_json(text: str | bytes, place: str) -> Any:
    """Return what a JSON text holds.

    Raises:
        InputError: it is not JSON; the message begins with its `place`, such as "labels.jsonl, line 3".
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not valid JSON ({why_not_parsed(error)}); correct it or remove it.") from error


def read_json(file: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    try:
        text = file.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file.") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check its permissions.") from error
    content = parse_json(text, str(file))
    if not isinstance(content, dict):
        raise InputError(f"{file}: expected a JSON object, got {type(content).__name__}.")
    return content


def read_json_lines(file: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a file that grows line by line, an empty list if there is no file.

    A line that a killed process left unfinished is ignored.
    """
    found = []
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        with suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    return found


def append_json_line(file: Path, content: Mapping[str, Any]) -> None:
    """Add an object to a file of JSON lines, which is created if necessary."""
    with file.open("ab+") as stream:
        stream.seek(max(0, stream.tell() - 1))
        # A line left unfinished would swallow this one.
        start = "" if stream.read(1) in (b"", b"\n") else "\n"
        stream.write(f"{start}{json.dumps(content)}\n".encode())


def read_versioned(file: Path) -> dict[str, Any]:
    """Return the content of a file with a format number: run.json, recipe.json or chain.json.

    Raises:
        InputError: it cannot be read, or was written by another audio_ft.
    """
    content = read_json(file)
    found = content.pop("format", None)
    # 0.1 wrote no format, or 1 for a chain.
    if found is None or found == 1:
        raise InputError(
            f"{file} was written by audio_ft 0.1, and 0.2 reads its own files only. Train again, or use "
            "audio_ft 0.1 for it."
        )
    if found != FORMAT:
        raise InputError(f"{file}: expected format {FORMAT}, got {str(found)[:100]}; upgrade audio-ft to read it.")
    return content


def file_digest(file: str | os.PathLike[str]) -> str:
    """Return the SHA-256 (hex) of a file's content, a block at a time."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def state_of(source: str | bytes) -> str:
    """Return text that changes with a file, its size and modification time, or with bytes, their digest."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()[:32]
    try:
        about = os.stat(source)
    except (OSError, ValueError):
        return "missing"
    return f"{about.st_size}|{about.st_mtime_ns}"


def finite(value: Any) -> Any:
    """Return a value, or None for NaN and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_cell(value: Any, key: str) -> Any:
    """Return a value as a cell from which it is read back: labels joined by ";", other lists and records as JSON.

    Raises:
        InputError: a label that itself holds ";".
    """
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        split = next((item for item in value if ";" in item), None)
        if split is not None:
            raise InputError(f"{key}: label {split!r} holds ';', which separates labels in a csv; rename it.")
        return ";".join(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def inert_cell(text: str) -> str:
    """Return a cell of csv or tsv that no spreadsheet runs: an apostrophe comes before what would be a formula.

    A formula is whatever begins with = + - @, a tab or a line break and is not a number. `restored_cell` undoes it.

    Example:
        >>> inert_cell("=1+1"), inert_cell("-0.5"), restored_cell("'=1+1")
        ("'=1+1", '-0.5', '=1+1')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def restored_cell(text: str) -> str:
    """Return what `inert_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_table(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as csv of inert cells, columns in the order in which they first appear; no rows leave no file."""
    if not rows:
        file.unlink(missing_ok=True)
        return
    text = table_text(rows)  # with a zero byte it looks like UTF-16, unless a mark says that it is not
    write_text(file, f"\ufeff{text}" if "\0" in text else text)


def table_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as csv of inert cells, columns in the order in which they first appear."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name, "") for name in names] for row in rows]
    table = [[inert_cell(cell) if isinstance(cell, str) else cell for cell in line] for line in (names, *cells)]
    # Read back, a carriage return ends a row, a blank after a comma is left out and # begins a comment, unless quoted.
    unsafe = any("\r" in cell or cell[:1] in (" ", "#") for line in table for cell in line if isinstance(cell, str))
    text = io.StringIO(newline="")
    quoting: Any = csv.QUOTE_ALL if unsafe else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(table)
    return text.getvalue()


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an error or its cause is a full disk, by its number or, from some libraries, by its text."""
    if error is None:
        return False
    named = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)
    return named or is_disk_full(error.__cause__)


def refuse_full_disk(folder: Path, needed: float, doing: str, fix: str) -> None:
    """Raise `InputError` if the disk of `folder` has less than the `needed` bytes, before the work starts."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        sizes = f"about {format_size(needed)} in {folder} and {format_size(free)} are free"
        raise InputError(f"{doing} needs {sizes}; {fix}.")
