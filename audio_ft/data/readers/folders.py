"""Read a folder of recordings into rows, whatever its layout, without opening a recording."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.cleaning.chain import Chain
from audio_ft.data.readers.beside import TEXT, read_beside, read_fields
from audio_ft.data.readers.class_folders import LABEL, by_folders, class_rows
from audio_ft.data.readers.iemocap import is_iemocap, read_iemocap
from audio_ft.data.readers.kaldi import is_kaldi, read_kaldi
from audio_ft.data.readers.manifests import read_manifest
from audio_ft.data.readers.paths import read_manifests, read_text_lists
from audio_ft.data.readers.tracks.read import read_tracks, unused
from audio_ft.data.readers.tree import Tree, by_ending, scan, split_name
from audio_ft.data.rows import Source, merged
from audio_ft.data.spec import Data
from audio_ft.data.splitting.split_lists import in_own_splits, split_manifests, with_split_lists
from audio_ft.data.table.columns import FILE, find_audio, names_target
from audio_ft.data.table.name_patterns import known_names
from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.formatting import counted, first_five


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
    if is_iemocap(tree):
        return read_iemocap(tree)
    files = data.name_pattern is not None
    beside = None if files else read_fields(tree, classes=classes)
    transcripts = not classes and not files and data.target in (None, TEXT) and data.audio is None
    if beside is None and transcripts and not data.tracks and not tree.tables():
        # LibriTTS has tables of the same transcripts below.
        beside = read_beside(tree, texts=True, lists=False)
    found = beside or _by_manifests(tree, data) or read_text_lists(tree, data)
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
    found = found or (_files(tree) if files else _by_names(tree) or by_folders(tree, classes))
    if found is None:
        raise InputError(
            f"{root}: it contains no recordings ({', '.join(sorted(AUDIO_SUFFIXES))}) and no manifest; "
            "expected class folders, split folders, metadata.csv or a manifest"
        )
    found = with_split_lists(tree, found)
    for path in tree.texts:
        if str(root / path) in found.files:
            tree.other -= Counter([Path(path).suffix.lower()])
    return replace(found, notes=(*found.notes, *tree.left_out(), *_other_tables(tree, found), *unused(tree)))


def _other_tables(tree: Tree, found: Source) -> list[str]:
    """Return a note on manifests that were not read."""
    others = sorted({path for path in tree.manifests if str(tree.root / path) not in found.files})
    return [f"{first_five(others)} not used; give the path of one to use it"] if others else []


def _has_targets(found: Source, data: Data, implied_by: str) -> bool:
    """Tell whether a source has the column of targets that is set, or one with a known name."""
    if data.target is not None:
        return data.target in found.rows.columns
    return found.target is not None or any(names_target(name, implied_by) for name in found.rows.columns)


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
    """Return the one folder that contains everything, lists included: unpacked archives look like this."""
    names = tree.children()
    if len(names) != 1 or split_name(names[0]) or tree.tables() or any("/" not in path for path in tree.audio):
        return None
    inner = tree.children(f"{names[0]}/")
    if inner and all(map(split_name, inner)):
        return names[0]
    described = (*tree.manifests, *tree.lists, *tree.texts, *tree.tracks)
    if not described or not all(path.startswith(f"{names[0]}/") for path in described):
        return None
    return names[0] if inner or tree.tables(f"{names[0]}/") else None


def _by_manifests(tree: Tree, data: Data) -> Source | None:
    """Read the manifests of the folder, and class folders in split folders beside those that have a metadata file."""
    root, top = tree.root, [name for name in tree.folders if "/" not in name]
    if table := tree.metadata():
        source = read_manifests(root, {"": table}, data, tree.audio, [root])
        heads = [key.partition("/")[0] if "/" in key else "" for key in source.rows.keys]
        return replace(source, rows=source.rows.in_splits(heads)) if all(map(split_name, set(heads))) else source
    inner = {name: found for name in top if (found := tree.metadata(f"{name}/"))}
    by_split = {} if inner else split_manifests(tree)
    # Those in a folder are lists of splits where a manifest beside it has the labels.
    if by_split and ("/" not in next(iter(by_split.values())) or not (tree.tables() and _listing(tree, data))):
        return in_own_splits(read_manifests(root, by_split, data, tree.audio), by_split)
    tables = inner or _listing(tree, data)
    if not tables:
        return None
    source = read_manifests(root, tables, data, tree.audio)
    bare = {name: class_rows(tree, f"{name}/") for name in top if inner and split_name(name) and name not in inner}
    return replace(source, rows=merged(source.rows.by_split() | bare))


def _listing(tree: Tree, data: Data) -> dict[str, str]:
    """Return the one manifest that lists recordings, in the folder or, where it has one folder of them, below it."""
    tables = tree.tables()
    single = len(tree.children()) < 2
    listing, broken = dict[str, list[str]](), []
    for path in tables or (sorted(tree.manifests) if single else ()):
        if not path.endswith((".parquet", ".arrow", ".feather")):
            try:
                columns = read_manifest(tree.root / path, data.columns, tree.audio).columns
            except InputError as error:
                broken.append(error)
                continue
            with suppress(InputError):  # next to class folders any table may lie
                listing[path] = list(map(str, columns[find_audio(columns, data.audio, path)]))
    if broken and not listing and single and read_text_lists(tree, data) is None:
        raise broken[0]  # without class folders nothing else describes the recordings
    if len(listing) > 1 and tree.audio:
        places = by_ending(tree.audio)
        here = {path: names for path, names in listing.items() if any(name in places for name in names)}
        listing = here or listing
    if len(listing) > 1 and _by_names(tree) is not None:
        return {}
    if len(listing) > 1:
        raise InputError(
            f"{tree.root}: {', '.join(listing)} each list recordings; give the path of the one to use, "
            "or call them train, validation and test"
        )
    return {"": next(iter(listing))} if listing else {}


def _labeled(tree: Tree, listed: Source) -> Source:
    """Return the class folders with the columns of the one manifest next to them, where that has no label column."""
    manifest = listed.rows
    names = [name for name in manifest.columns if name != listed.audio]
    if len(manifest.split_names) != 1 or any(map(names_target, names)):
        return listed
    if named := _by_names(tree):
        return named
    try:
        folders = by_folders(tree)
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
             "set data.target=NAME to use a column instead"]  # fmt: skip
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
    return Source(tree.rows(paths).in_splits(splits), FILE) if paths else None


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
    note += (
        "data.target=folder for the folders, or data.name_pattern=FORM"
        if several
        else "data.name_pattern=FORM to read them otherwise"
    )
    columns = found.rows.columns | ({"folder": folders} if several else {}) | named
    return replace(found, rows=replace(found.rows, columns=columns), target=corpus.label, notes=(note,))
