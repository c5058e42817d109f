"""Class folders: in split folders or not, with split folders inside, or in numbered folders of folds."""

from __future__ import annotations

import re
from dataclasses import replace

from audio_ft.data.readers.tree import Tree, split_name
from audio_ft.data.rows import Columns, Rows, Source, merged
from audio_ft.data.table.columns import FILE
from audio_ft.errors import InputError
from audio_ft.formatting import first_five

# Names of folders that are people.
_PERSON = re.compile(
    r"(actor|speaker|spk|subject|participant|patient|singer|person|user)[ _-]?(\d+|[a-z])", re.IGNORECASE
)
_FOLD_FOLDER = re.compile(r"fold[ _-]?\d+", re.IGNORECASE)
LABEL, SUBFOLDER = "label", "subfolder"


def _check_not_speakers(tree: Tree, rows: Rows) -> None:
    """Refuse class folders whose names say that they are people."""
    names = sorted(set(rows.columns[LABEL]))
    if len(names) > 1 and all(map(_PERSON.fullmatch, names)):
        raise InputError(f"{tree.root}: folders {first_five(names)} are speakers by their names, not classes; give the "
                         "labels with data.name_pattern='{label}_{take}' or a metadata.csv, or set data.target=label "
                         "and data.group='' to recognize the speakers")  # fmt: skip


def by_folders(tree: Tree, classes: bool = False) -> Source | None:
    """Read class folders, in split folders (train/yes/a.wav) or with split folders inside (yes/train/a.wav).

    They may all be in one folder, which is not a class then.
    """
    top = _top(tree)
    names = tree.children(top)
    if not names:
        if tree.audio:
            raise InputError(f"{tree.root}: recordings without labels; put them in one folder a class, or add "
                             "a metadata.csv with the columns file_name and label, or say where the label is in the "
                             "file names: data.name_pattern='{speaker}_{label}_{take}'")  # fmt: skip
        return None
    within = [f"folder {top.rstrip('/')} holds all class folders"] if top else []
    if len(names) > 1 and all(map(_FOLD_FOLDER.fullmatch, names)):
        rows = merged({name: class_rows(tree, f"{top}{name}/") for name in names})
        return Source(replace(rows, columns=rows.columns | {"fold": rows.splits}).in_splits(""), FILE, LABEL)
    splits = [name for name in names if split_name(name)]
    nested = [name for name in splits if tree.children(f"{top}{name}/")]
    if nested and (len(splits) == len(names) or len(splits) > 1):
        beside = [path[len(top) :] for path in tree.folders if path.startswith(top)]
        empty = [name for name in beside if "/" not in name and split_name(name) and name not in names]
        ignored = [name for name in names if name not in splits]
        note = [f"folders {first_five(ignored)} next to the split folders left out"] if ignored else []
        rows = merged({name: class_rows(tree, f"{top}{name}/") for name in [*splits, *empty]})
        return Source(rows, FILE, LABEL, notes=(*within, *note))
    if splits and len(splits) == len(names):
        raise InputError(
            f"{tree.root}: folders {', '.join(names)} contain recordings but no class folders and no metadata.csv, so "
            "they may be splits or labels; add class folders or a metadata.csv to each, or list them in a manifest"
        )
    rows = class_rows(tree, top)
    if classes:
        _check_not_speakers(tree, rows)
    inner = [split_name(child) for name in names for child in tree.children(f"{top}{name}/")]
    flat = any(path.count("/") == top.count("/") + 1 for path in tree.audio)
    if not splits and inner and all(inner) and not flat:
        of_rows = [below.partition("/")[0] for below in rows.columns[SUBFOLDER]]
        return Source(rows.in_splits(of_rows), FILE, LABEL, notes=tuple(within))
    note = [f"folders inside class folders are not labels: they are in column {SUBFOLDER!r}"] if inner else []
    return Source(rows.in_splits(""), FILE, LABEL, notes=(*within, *note))


def _top(tree: Tree) -> str:
    """Return the folder that all class folders are in, with a / behind, or ""."""
    top = ""
    while len(names := tree.children(top)) == 1 and not split_name(names[0]):
        inner = f"{top}{names[0]}/"
        if len(tree.children(inner)) < 2 and not tree.children(f"{inner}{''.join(tree.children(inner))}/"):
            break
        if any("/" not in path[len(inner) :] for path in tree.below(inner)):
            break
        top = inner
    return top


def class_rows(tree: Tree, prefix: str = "") -> Rows:
    """Return the recordings below `prefix` with their first folder as label."""
    paths = tree.below(prefix)
    steps = [path[len(prefix) :].split("/") for path in paths]
    loose = next((path for path, step in zip(paths, steps, strict=True) if len(step) == 1), None)
    if loose is not None:
        raise InputError(f"{tree.root}: {loose} is not in a class folder, so it has no label; move it into one")
    columns: Columns = {LABEL: [step[0] for step in steps]}
    if any(len(step) > 2 for step in steps):
        columns[SUBFOLDER] = ["/".join(step[1:-1]) for step in steps]
    return tree.rows(paths, columns)
