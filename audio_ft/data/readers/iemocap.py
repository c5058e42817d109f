"""Read IEMOCAP as distributed: Session1/sentences/wav/… and the emotions in Session1/dialog/EmoEvaluation/*.txt."""

from __future__ import annotations

import os
import re

from audio_ft.audio.output_paths import bare
from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tree import Tree
from audio_ft.data.rows import Source
from audio_ft.data.table.columns import FILE
from audio_ft.formatting import counted

_COLUMNS = ("emotion", "session", "speaker", "valence", "activation", "dominance")
_EVALUATION = re.compile(r"(^|/)dialog/EmoEvaluation/Ses\d\d[FM]_[^/]+\.txt$")
# [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]
_LINE = re.compile(r"^\[[\d.]+ - [\d.]+\]\t(?P<name>Ses(?P<session>\d\d)\S+_(?P<gender>[FM])\d+)\t(?P<emotion>\w+)\t"
                   r"\[(?P<valence>[\d.]+), (?P<activation>[\d.]+), (?P<dominance>[\d.]+)\]", re.MULTILINE)  # fmt: skip
_EMOTIONS = {"ang": "anger", "dis": "disgust", "exc": "excited", "fea": "fear", "fru": "frustration",
             "hap": "happiness", "neu": "neutral", "oth": "other", "sad": "sadness", "sur": "surprise"}  # fmt: skip


def is_iemocap(tree: Tree) -> bool:
    """Tell whether there are IEMOCAP's evaluations."""
    return any(map(_EVALUATION.search, tree.texts))


def read_iemocap(tree: Tree) -> Source:
    """Read the turns that evaluations name, with emotion, session and speaker; those without agreement are left out.

    The two speakers of a session talk to each other, so the session is the group.
    """
    recordings = {os.path.basename(bare(path)): path for path in tree.audio}
    texts = (read_text(tree.root / path) for path in tree.texts if _EVALUATION.search(path))
    turns = {recordings[match["name"]]: match.groupdict()
             for text in texts for match in _LINE.finditer(text) if match["name"] in recordings}  # fmt: skip
    agreed = {path: turn for path, turn in turns.items() if turn["emotion"] in _EMOTIONS}
    paths = sorted(agreed)
    found = [{**turn, "emotion": _EMOTIONS[turn["emotion"]], "speaker": turn["session"] + turn["gender"]}
             for turn in map(agreed.__getitem__, paths)]  # fmt: skip
    columns = {name: [turn[name] for turn in found] for name in _COLUMNS}
    notes = [f"IEMOCAP: emotions, sessions and speakers of {counted(len(paths), 'turn')} are read from "
             "dialog/EmoEvaluation; the session is the group, because its two speakers talk to each other"]  # fmt: skip
    if undecided := len(turns) - len(agreed):
        notes.append(f"{counted(undecided, 'turn')} on whose emotion the raters did not agree (xxx) left out")
    if others := len(tree.audio) - len(turns):
        notes.append(f"{counted(others, 'recording')} in no evaluation left out, such as whole dialogs")
    return Source(tree.rows(paths, columns).in_splits(""), FILE, target="emotion", group="session", notes=tuple(notes))
