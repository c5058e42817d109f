"""Read Kaldi's data folders: wav.scp, text, segments and utt2spk."""

from __future__ import annotations

import shlex
from pathlib import Path

from audio_ft.audio.output_paths import is_audio
from audio_ft.data.readers.beside import in_split
from audio_ft.data.readers.paths import listed
from audio_ft.data.readers.text_files import lines_of, read_text
from audio_ft.data.readers.tree import Tree
from audio_ft.data.rows import Columns, Source, merged
from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.formatting import counted

SCRIPT = "wav.scp"
_AUDIO = "audio"
# What files called utt2… say of an utterance; others give a column of that name.
_COLUMNS = {"spk": "speaker", "lang": "language", "emo": "emotion"}


def is_kaldi(tree: Tree) -> bool:
    """Tell whether there is a wav.scp."""
    return any(Path(path).name == SCRIPT for path in tree.texts)


def read_kaldi(tree: Tree, data: Data) -> Source:
    """Read the data folders below a folder, in the splits that they are named after.

    Relative paths of wav.scp are below the working directory, as in Kaldi, or below a folder around the data folder.
    Where it has a command, the recording that is named there is read itself.

    Raises:
        InputError: a line is broken, a command names no recording, or none of the recordings exists.
    """
    parts, notes, root = {}, [], tree.root
    scripts = [path for path in tree.texts if Path(path).name == SCRIPT]
    for split, folder in _folders(root, scripts).items():
        columns, commands = _columns(folder)
        near = [folder, *list(folder.parents)[:3], Path.cwd()] if data.root is None else [Path(data.root).expanduser()]
        parts[split], new = listed(columns, _AUDIO, folder / SCRIPT, near, root, {})
        notes += [f"{folder.name or folder} is a Kaldi data folder: read from its {', '.join(_files(folder))}", *new]
        if commands:
            notes.append(
                f"{counted(commands, 'command')} of {folder / SCRIPT} not run: the recordings they name are read"
            )
    return Source(merged(parts), _AUDIO, notes=tuple(notes))


def _folders(root: Path, scripts: list[str]) -> dict[str, Path]:
    """Return the data folders below a root, which `scripts` (paths of wav.scp) list, by their split.

    Raises:
        InputError: there are several that are not splits.
    """
    folders = [root / path.rpartition("/")[0] for path in scripts]
    if len(folders) == 1:
        return {in_split(folders[0].name) or "": folders[0]} if folders[0] != root else {"": root}
    by_split = {folder.name: folder for folder in folders}
    if len(by_split) < len(folders) or not all(map(in_split, by_split)):
        raise InputError(f"{root}: {', '.join(scripts)} are several Kaldi data folders; give the path of one")
    found: dict[str, Path] = {}
    for name, folder in by_split.items():
        if found.setdefault(in_split(name) or "", folder) != folder:
            raise InputError(f"{root}: {', '.join(scripts)} are several folders of one split; give the path of one")
    return found


def _columns(folder: Path) -> tuple[Columns, int]:
    """Return a row for each utterance, and how many recordings a command gives."""
    wavs = _table(folder / SCRIPT)
    commands = sum(entry.endswith("|") for entry in wavs.values())
    files = {name: _file(entry, folder / SCRIPT) for name, entry in wavs.items()}
    segments = {name: line.split() for name, line in _table(folder / "segments").items()}
    utterances = segments or {name: [name] for name in files}
    for name, cells in utterances.items():
        if len(cells) < (3 if segments else 1) or cells[0] not in files:
            raise InputError(f"{folder / 'segments'}: {name} needs a recording of wav.scp, its start and its end")
    columns: Columns = {"id": list(utterances), _AUDIO: [files[cells[0]] for cells in utterances.values()]}
    if segments:
        columns["start"] = [cells[1] for cells in utterances.values()]
        columns["end"] = [cells[2] for cells in utterances.values()]
    for name in _files(folder)[1:]:
        if name != "segments":
            said = _table(folder / name)
            column = _COLUMNS.get(name.removeprefix("utt2"), name.removeprefix("utt2"))
            columns[column] = [said.get(utterance, "") for utterance in utterances]
    return columns, commands


def _files(folder: Path) -> list[str]:
    """Return the files that are read, wav.scp first."""
    known = (SCRIPT, "text", "segments", *sorted(path.name for path in folder.glob("utt2*") if path.name != "utt2dur"))
    return [name for name in known if (folder / name).is_file()]


def _table(path: Path) -> dict[str, str]:
    """Return what follows the first word of each line, by that word."""
    if not path.is_file():
        return {}
    rows = [line.strip().split(maxsplit=1) for line in lines_of(read_text(path)) if line.strip()]
    return {cells[0]: cells[1] if len(cells) > 1 else "" for cells in rows}


def _file(entry: str, script: Path) -> str:
    """Return the path of an entry, or the recording that a command (ending in |) names."""
    if not entry.endswith("|"):
        return entry
    try:
        named = [word for word in shlex.split(entry[:-1]) if is_audio(word)]
    except ValueError:
        named = []
    if len(named) != 1:
        raise InputError(
            f"{script}: {entry[:120]!r} is a command, which is not run, and names {len(named)} recordings; write its "
            "output to a file and list that"
        )
    return named[0]
