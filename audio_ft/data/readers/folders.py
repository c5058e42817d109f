"""Read a folder of recordings into rows, whatever its layout, without opening a recording."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.cleaning.chain import Chain
from audio_ft.data.columns import among, find_audio
from audio_ft.data.name_patterns import known_names
from audio_ft.data.readers.beside import TEXT, read_beside, read_fields
from audio_ft.data.readers.kaldi import is_kaldi, read_kaldi
from audio_ft.data.readers.manifests import read_manifest
from audio_ft.data.readers.paths import read_manifests, read_text_lists
from audio_ft.data.readers.tracks.read import read_tracks, unused
from audio_ft.data.readers.tree import Tree, scan, split_name
from audio_ft.data.rows import Columns, Rows, Source, merged
from audio_ft.data.spec import Data
from audio_ft.data.split_lists import in_own_splits, split_manifests, with_split_lists
from audio_ft.data.splits import first_five
from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.formatting import counted
from audio_ft.targets import Target

# Names of folders that are people.
_PERSON = re.compile(
    r"(actor|speaker|spk|subject|participant|patient|singer|person|user)[ _-]?(\d+|[a-z])", re.IGNORECASE
)
_FOLD_FOLDER = re.compile(r"fold[ _-]?\d+", re.IGNORECASE)
LABEL, FILE, SUBFOLDER = "label", "file_name", "subfolder"


def read_folder(tree: Tree, data: Data, *, classes: bool = False) -> Source:
    """Read a folder of recordings, listed in `tree`.

    Layouts: what `audio-ft prepare` wrote; metadata files in the folder or in its split folders; one manifest a split,
    or one manifest; label tracks; class folders, in split folders or not; names of files with the label in them. With
    `classes`, class folders give the labels that a manifest lacks; with a name_pattern, folders are no labels.

    Raises:
        InputError: there are no recordings, or their labels are unclear.
    """
    root = tree.root
    if (root / "chain.json").is_file() and ((root / "splits").is_dir() or (root / "prepared.json").is_file()):
        return _prepared(tree, data)
    if inner := _only_folder(tree):
        return read_folder(scan(root / inner), data, classes=classes)
    if is_kaldi(tree):
        return read_kaldi(tree, data)
    files = data.name_pattern is not None
    beside = None if files else read_fields(tree, classes=classes)
    found = beside or _by_manifests(tree, data) or read_text_lists(tree, data)
    transcripts = not classes and not files and data.target in (None, TEXT) and data.audio is None
    if found is None and transcripts and not data.tracks:
        beside = found = read_beside(tree, texts=True)
    implied_by = "label" if classes or data.target == LABEL else "text"
    if (data.tracks or found is None or not _has_targets(found, data, implied_by)) and (
        labeled := read_tracks(tree, data, found, implied_by)
    ):
        return labeled
    if beside is not None:
        return replace(beside, notes=(*beside.notes, *unused(tree)))
    if found is not None and classes and not files:
        found = _labeled(tree, found)
    found = found or (_files(tree) if files else _by_names(tree) or _by_folders(tree, classes))
    if found is None:
        raise InputError(
            f"{root}: it contains no recordings ({', '.join(sorted(AUDIO_SUFFIXES))}) and no manifest; "
            "expected class folders, split folders, metadata.csv or a manifest"
        )
    found = with_split_lists(tree, found)
    return replace(found, notes=(*found.notes, *tree.left_out(), *unused(tree)))


def _has_targets(found: Source, data: Data, implied_by: str) -> bool:
    """Tell whether a source has the column of targets that is set, or one with a known name."""
    if data.target is not None:
        return data.target in found.rows.columns
    known = [tier for kind in Target.registry.values() if kind.implied_by == implied_by for tier in kind.column_names]
    return found.target is not None or any(among(name, *known) for name in found.rows.columns)


def _prepared(tree: Tree, data: Data) -> Source:
    """Read the output of `audio-ft prepare`: its manifests, its chain, and the columns of target and group."""
    root = tree.root
    tables = {Path(path).stem: path for path in tree.tables("splits/")}
    if not tables:
        raise InputError(f"{root}: audio-ft prepare did not finish here; run it again and it resumes")
    known = read_json(marker) if (marker := root / "prepared.json").is_file() else {}
    recorded = {name: known[name] for name in ("target", "implied_by", "group", "kind") if name in known}
    chain = Chain.load(root / "chain.json").to_list()
    return replace(
        read_manifests(root, tables, data.replace(audio=data.audio or FILE), tree.audio, [root]),
        chain=chain,
        **recorded,
    )


def _only_folder(tree: Tree) -> str | None:
    """Return the one folder that contains everything, as split folders: repositories on the Hub look like this."""
    names = tree.children()
    if len(names) != 1 or split_name(names[0]) or tree.tables() or any("/" not in path for path in tree.audio):
        return None
    inner = tree.children(f"{names[0]}/")
    return names[0] if inner and all(map(split_name, inner)) else None


def _by_manifests(tree: Tree, data: Data) -> Source | None:
    """Read the manifests of the folder, and class folders in split folders beside those that have a metadata file."""
    root, top = tree.root, [name for name in tree.folders if "/" not in name]
    if table := tree.metadata():
        source = read_manifests(root, {"": table}, data, tree.audio, [root])
        heads = [key.partition("/")[0] if "/" in key else "" for key in source.rows.keys]
        return replace(source, rows=source.rows.in_splits(heads)) if all(map(split_name, set(heads))) else source
    inner = {name: found for name in top if (found := tree.metadata(f"{name}/"))}
    if not inner and (tables := split_manifests(tree)):
        same = tree.tables(next(iter(tables.values())).rpartition("/")[0])
        beside = [path for path in same if path not in tables.values()]
        return in_own_splits(read_manifests(root, tables, data, tree.audio), tables, beside)
    tables = inner or _listing(tree, data)
    if not tables:
        return None
    source = read_manifests(root, tables, data, tree.audio)
    bare = {name: _class_rows(tree, f"{name}/") for name in top if inner and split_name(name) and name not in inner}
    return replace(source, rows=merged(source.rows.by_split() | bare))


def _listing(tree: Tree, data: Data) -> dict[str, str]:
    """Return the one manifest that lists recordings, in the folder or, where it has one folder of them, below it."""
    tables = tree.tables()
    single = len(tree.children()) < 2
    listing, broken = [], []
    for path in tables or (sorted(tree.manifests) if single else ()):
        if not path.endswith(".parquet"):
            try:
                columns = read_manifest(tree.root / path, data.columns, tree.audio).columns
            except InputError as error:
                broken.append(error)
                continue
            with suppress(InputError):  # next to class folders any table may lie
                find_audio(columns, data.audio, path)
                listing.append(path)
    if broken and not listing and single:
        raise broken[0]  # without class folders nothing else describes the recordings
    if len(listing) > 1:
        raise InputError(
            f"{tree.root}: {', '.join(listing)} each list recordings; give the path of the one to use, "
            "or call them train, validation and test"
        )
    return {"": listing[0]} if listing else {}


def _labeled(tree: Tree, listed: Source) -> Source:
    """Return the class folders with the columns of the one manifest next to them, where that has no label column."""
    manifest = listed.rows
    names = [name for name in manifest.columns if name != listed.audio]
    known = [tier for kind in Target.registry.values() for tier in kind.column_names]
    if len(manifest.split_names) != 1 or any(among(name, *known) for name in names):
        return listed
    try:
        folders = _by_folders(tree)
    except InputError:
        return listed
    if folders is None or len(set(folders.rows.columns[LABEL])) < 2:
        return listed
    rows = folders.rows
    row_of = {key: row for row, key in reversed(list(enumerate(manifest.keys)))}
    columns = {
        name: [manifest.columns[name][row_of[key]] if key in row_of else None for key in rows.keys] for name in names
    }
    there = f"its columns are {', '.join(names)}" if names else "it has no other column"
    notes = [f"the manifest next to the class folders has no label column ({there}), so the folders are the labels; "
             "set target=NAME to use a column instead"]  # fmt: skip
    unused = sorted(row_of.keys() - rows.keys)
    if unused:
        notes.append(
            f"{counted(len(unused), 'recording')} of that manifest in no class folder left out (first: {unused[0]})"
        )
    return replace(folders, rows=replace(rows, columns=columns | rows.columns), notes=(*folders.notes, *notes))


def _files(tree: Tree) -> Source | None:
    """Read a folder as a list of files, in split folders or not."""
    paths = tree.below()
    heads = [path.partition("/")[0] for path in paths]
    splits = heads if all(map(split_name, heads)) else ""
    rows = Rows({FILE: list(paths)}, paths, [tree.audio[path] for path in paths])
    return Source(rows.in_splits(splits), FILE) if paths else None


def _by_names(tree: Tree) -> Source | None:
    """Read a data set whose file names contain the label, such as RAVDESS.

    Folders stay the labels where each has files of one label, by several speakers: somebody sorted them so.
    """
    found = _files(tree)
    known = known_names(found.rows.keys) if found else None
    if found is None or known is None or not known[0].label:
        return None
    corpus, named = known
    steps = [key.split("/")[int(found.rows.split_names != ("",)) : -1] for key in found.rows.keys]
    folders = [step[0] if step else "" for step in steps]
    labels, groups = (len(set(zip(folders, named[name], strict=True))) for name in (corpus.label, corpus.group))
    several = len(set(folders)) > 1
    if several and labels == len(set(folders)) and groups > labels:
        return None
    example = ", ".join(f"{name}={cells[0]}" for name, cells in named.items() if cells[0])
    note = f"labels are read from file names as in {corpus.name}: {found.rows.keys[0]} is {example}; set "
    note += "target=folder for the folders, or name_pattern=" if several else "name_pattern= to read them otherwise"
    columns = found.rows.columns | ({"folder": folders} if several else {}) | named
    return replace(found, rows=replace(found.rows, columns=columns), target=corpus.label, notes=(note,))


def _check_not_speakers(tree: Tree, rows: Rows) -> None:
    """Refuse class folders whose names say that they are people."""
    names = sorted(set(rows.columns[LABEL]))
    if len(names) > 1 and all(map(_PERSON.fullmatch, names)):
        raise InputError(f"{tree.root}: folders {first_five(names)} are speakers by their names, not classes; give the "
                         "labels with name_pattern='{label}_{take}' or a metadata.csv, or set target=label group='' to "
                         "recognize the speakers")  # fmt: skip


def _by_folders(tree: Tree, classes: bool = False) -> Source | None:
    """Read class folders, in split folders (train/yes/a.wav) or with split folders inside (yes/train/a.wav)."""
    names = tree.children()
    if not names:
        if tree.audio:
            raise InputError(f"{tree.root}: recordings without labels; put them in one folder a class, or add "
                             "a metadata.csv with the columns file_name and label, or say where the label is in the "
                             "file names: name_pattern='{speaker}_{label}_{take}'")  # fmt: skip
        return None
    if len(names) > 1 and all(map(_FOLD_FOLDER.fullmatch, names)):
        rows = merged({name: _class_rows(tree, f"{name}/") for name in names})
        return Source(replace(rows, columns=rows.columns | {"fold": rows.splits}).in_splits(""), FILE, LABEL)
    splits = [name for name in names if split_name(name)]
    nested = [name for name in splits if tree.children(f"{name}/")]
    if nested and (len(splits) == len(names) or len(splits) > 1):
        empty = [name for name in tree.folders if "/" not in name and split_name(name) and name not in names]
        ignored = [name for name in names if name not in splits]
        note = [f"folders {', '.join(ignored)} next to the split folders left out"] if ignored else []
        rows = merged({name: _class_rows(tree, f"{name}/") for name in [*splits, *empty]})
        return Source(rows, FILE, LABEL, notes=tuple(note))
    if splits and len(splits) == len(names):
        raise InputError(
            f"{tree.root}: folders {', '.join(names)} contain recordings but no class folders and no metadata.csv, so "
            "they may be splits or labels; add class folders or a metadata.csv to each, or list them in a manifest"
        )
    rows = _class_rows(tree)
    if classes:
        _check_not_speakers(tree, rows)
    inner = [split_name(child) for name in names for child in tree.children(f"{name}/")]
    flat = any(path.count("/") == 1 for path in tree.audio)
    if not splits and inner and all(inner) and not flat:
        return Source(rows.in_splits([below.partition("/")[0] for below in rows.columns[SUBFOLDER]]), FILE, LABEL)
    note = [f"folders inside class folders are not labels: they are in column {SUBFOLDER!r}"] if inner else []
    return Source(rows.in_splits(""), FILE, LABEL, notes=tuple(note))


def _class_rows(tree: Tree, prefix: str = "") -> Rows:
    """Return the recordings below `prefix` with their first folder as label."""
    paths = tree.below(prefix)
    steps = [path[len(prefix) :].split("/") for path in paths]
    loose = next((path for path, step in zip(paths, steps, strict=True) if len(step) == 1), None)
    if loose is not None:
        raise InputError(f"{tree.root}: {loose} is not in a class folder, so it has no label; move it into one")
    columns: Columns = {FILE: list(paths), LABEL: [step[0] for step in steps]}
    if any(len(step) > 2 for step in steps):
        columns[SUBFOLDER] = ["/".join(step[1:-1]) for step in steps]
    return Rows(columns, paths, [tree.audio[path] for path in paths])
