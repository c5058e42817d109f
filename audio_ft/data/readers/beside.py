"""Read what lies beside recordings: a text or JSON file of the same name, or a list of names and transcripts."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from audio_ft.audio.output_paths import bare
from audio_ft.data.readers.elsewhere import finder
from audio_ft.data.readers.text_files import lines_of, read_text
from audio_ft.data.readers.tracks.lines import begins_track
from audio_ft.data.readers.tree import Tree, split_name
from audio_ft.data.rows import Columns, Source
from audio_ft.data.table.columns import FILE, names_target
from audio_ft.data.table.name_patterns import group_from_names
from audio_ft.errors import InputError
from audio_ft.file_io import parse_json
from audio_ft.formatting import counted

TEXT, LABEL, FOLDER = "text", "label", "folder"
# Suffixes of transcripts beside recordings, the preferred ones first: LibriTTS has two.
_TEXTS = (".normalized.txt", ".txt", ".lab", ".trn", ".wav.trn", ".transcript", ".original.txt")
# Fewer recordings with a file beside them than this are a coincidence.
_MOST = 0.5
# VCTK has two recordings of each sentence.
_MICROPHONES = ("_mic1", "_mic2")
# TIMIT gives the samples from which to which a sentence is spoken.
_SAMPLES = re.compile(r"\d+ \d+ (?=\D)")
# festvox: ( arctic_a0001 "Author of the danger trail." )
_FESTVOX = re.compile(r'\(\s*(\S+)\s+"(.*)"\s*\)')


def read_beside(tree: Tree, *, texts: bool, lists: bool = True) -> Source | None:
    """Read files beside recordings: fields (.json, .cls), as in WebDataset, and with `texts` transcripts.

    Transcripts are in a .txt of the same name, or with `lists` in lists of names and transcripts, as in LibriSpeech's
    .trans.txt. Folders called train-clean-100 and the like are splits; the first folders inside are groups. None where
    there is neither.

    Raises:
        InputError: a file is not text, or not JSON.
    """
    if not tree.audio:
        return None
    files = _companions(tree)
    fields = {path: own for path, own in files.items() if own.keys() & {".json", ".cls"}}
    if len(fields) > _MOST * len(tree.audio):
        return _source(tree, _fields(tree, fields), "files of the same name")
    if not texts:
        return None
    spoken = {path: next(own[end] for end in _TEXTS if end in own)
              for path, own in files.items() if own.keys() & set(_TEXTS)}  # fmt: skip
    if len(spoken) > _MOST * len(tree.audio):
        found = {path: read_text(tree.root / file) for path, file in spoken.items()}
        if any(map(begins_track, found.values())):
            return None
        said = sum(bool(_SAMPLES.match(text)) for text in found.values())
        timed = said == len(found)
        notes = ["the two numbers of samples before each transcript left out"] if timed else []
        cells = {path: {TEXT: " ".join((_SAMPLES.sub("", text, count=1) if timed else text).split())}
                 for path, text in found.items()}  # fmt: skip
        return _source(tree, cells, f"text files of the same name, such as {next(iter(spoken.values()))}", notes)
    named, used = _listed(tree) if lists else ({}, [])
    if not named:
        return None
    return _source(tree, {path: {TEXT: text} for path, text in named.items()}, f"{used[0]}" + (
        f" and {counted(len(used) - 1, 'list')} like it" if len(used) > 1 else ""))  # fmt: skip


def read_fields(tree: Tree, *, classes: bool) -> Source | None:
    """Read a .json or .cls beside each recording where no table describes them, and where it has the labels sought."""
    if any(not path.endswith(".json") for path in tree.tables()):
        return None
    found = read_beside(tree, texts=False)
    labeled = found is not None and any(names_target(name, LABEL) for name in found.rows.columns)
    return found if labeled or not classes else None


def _companions(tree: Tree) -> dict[str, dict[str, str]]:
    """Return for each recording the files with its name, by their suffix; those in another folder need a unique one."""
    recordings_of = [finder(path for path in tree.audio if mark in path) for mark in ("", *_MICROPHONES)]
    # In WebDataset the name ends at its first dot: 000000.speech.wav and 000000.cls belong together.
    keyed = Counter(_webdataset_key(path) for path in tree.audio)
    by_key = {key: path for path in tree.audio if keyed[key := _webdataset_key(path)] == 1}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in (*tree.texts, *tree.lists, *(one for one in tree.manifests if one.endswith(".json"))):
        for suffix in (*_TEXTS, ".json", ".cls"):
            if path.lower().endswith(suffix):
                stem = path[: -len(suffix)]
                marked = zip(recordings_of, ("", *_MICROPHONES), strict=True)
                owners = [owner for find, mark in marked if (owner := find(stem + mark))]
                if not owners and stem in by_key and suffix in (".json", ".cls"):
                    owners = [by_key[stem]]
                for owner in owners:
                    found[owner][suffix] = path
                if owners:
                    break
    return found


def _webdataset_key(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.split('.')[0]}"


def _fields(tree: Tree, files: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Return the fields of the .json beside each recording, its class in .cls, and its transcript in .txt."""
    cells: dict[str, dict[str, Any]] = {}
    for path, own in files.items():
        cells[path] = {}
        if ".json" in own:
            place = tree.root / own[".json"]
            content = parse_json(read_text(place), str(place))
            if not isinstance(content, dict):
                raise InputError(f"{place}: expected an object with the fields of {path}, got {type(content).__name__}")
            cells[path] |= {name: value for name, value in content.items() if name != FILE}
        for suffix, column in ((".cls", LABEL), (".txt", TEXT)):
            if suffix in own:
                cells[path][column] = read_text(tree.root / own[suffix]).strip()
    return cells


def _listed(tree: Tree) -> tuple[dict[str, str], list[str]]:
    """Return the transcript of each recording that is named in a list, and the lists."""
    recording_of = finder(tree.audio)
    found: dict[str, str] = {}
    used = []
    for path in sorted((*tree.texts, *tree.lists)):
        folder = path.rpartition("/")[0]
        lines = [line.strip() for line in lines_of(read_text(tree.root / path)) if line.strip()]
        own: dict[str, str] = {}
        for line in lines:
            match = _FESTVOX.fullmatch(line)
            name, text = match.groups() if match else (*re.split(r"[\s|]+", line, maxsplit=1), "")[:2]
            if recording := recording_of(f"{folder}/{bare(name)}".lstrip("/")):
                own[recording] = text.strip()
        if len(own) > _MOST * len(lines) and any(own.values()):
            used.append(path)
            found |= own
    return found, used


def _source(tree: Tree, cells: Mapping[str, Mapping[str, Any]], where: str, notes: Sequence[str] = ()) -> Source:
    """Return the recordings that have something beside them, in splits and groups by folder."""
    paths = sorted(cells)
    names = dict.fromkeys(name for own in cells.values() for name in own)
    columns: Columns = {name: [cells[path].get(name) for path in paths] for name in names}
    steps = [path.split("/")[:-1] for path in paths]
    depth = min(map(len, steps))
    level, splits = folder_splits(paths)
    group = None
    # Shards of fields are no speakers.
    if set(names) == {TEXT} and group_from_names(paths) is None:
        for inner in range(0 if level is None else level + 1, depth):
            folders = [step[inner] for step in steps]
            if 1 < len(set(folders)) < len(paths):
                group, columns[FOLDER] = FOLDER, folders
                break
    said = {TEXT: "transcripts", LABEL: "labels"}.get(next(reversed(names)), "fields")
    lines = [f"{said} are read from {where}", *notes]
    if group:
        lines.append(
            f"folders such as {columns[FOLDER][0]} are treated as groups (speakers); data.group=NAME or '' changes it"
        )
    if without := sorted(tree.audio.keys() - cells.keys()):
        lines.append(f"{counted(len(without), 'recording')} without any left out (first: {without[0]})")
    return Source(tree.rows(paths, columns).in_splits(splits), FILE, group=group, notes=tuple(lines))


def folder_splits(paths: Sequence[str]) -> tuple[int | None, list[str] | str]:
    """Return the depth of the folders that splits are named after, and the split of each path; None and "" for none."""
    steps = [path.split("/")[:-1] for path in paths]
    for level in range(min(map(len, steps), default=0)):
        if all(in_split(step[level]) for step in steps):
            return level, [in_split(step[level]) or "" for step in steps]
    return None, ""


def in_split(folder: str) -> str | None:
    """Return the split that a folder is named after: train-clean-100 is train."""
    return split_name(re.split(r"[-_. ]", folder)[0])
