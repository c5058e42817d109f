"""File names that say who speaks, what is said or what is heard: patterns of known corpora, and those of users."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from audio_ft.audio.output_paths import bare
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown

CORPORA_FILE = Path(__file__).parents[2] / "assets" / "corpora.yaml"
_FIELD = re.compile(r"\{(?P<name>[^{}:]*)(?::(?P<width>\d{1,3}))?\}")


@dataclass(frozen=True)
class Corpus:
    """Describe the file names of a data set.

    Attributes:
        name: what the data set is called.
        pattern: of the end of a path without suffix; its named groups are columns.
        group: the column that is the group.
        label: the column that is the label, "" where names contain none.
        words: what the codes in a column mean; other cells stay as they are.
    """

    name: str
    pattern: re.Pattern[str]
    group: str = "speaker"
    label: str = ""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def columns(self, paths: Sequence[str]) -> dict[str, list[str]] | None:
        """Return the columns that paths contain, None unless all of them have this form."""
        rows = []
        for path in paths:
            match = self.pattern.search(_ending(path))
            if match is None:
                return None
            rows.append(match.groupdict(""))
        names = self.pattern.groupindex
        return {name: [self.words.get(name, {}).get(row[name].lower(), row[name]) for row in rows] for name in names}


@cache
def corpora() -> tuple[Corpus, ...]:
    """Return the corpora of assets/corpora.yaml, in its order."""
    import yaml

    # Every scalar is text: a code such as 01 is no number, and "n" is no truth value.
    listed = yaml.load(CORPORA_FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return tuple(Corpus(**one | {"pattern": re.compile(rf"(?:^|/){one['pattern']}$", re.IGNORECASE)}) for one in listed)


def _ending(path: str) -> str:
    """Return a path with / and without its suffix."""
    return bare(path.replace("\\", "/"))


def known_names(paths: Sequence[str]) -> tuple[Corpus, dict[str, list[str]]] | None:
    """Return the corpus whose form all paths have, and the columns that they contain; None where there is none."""
    return next(((one, found) for one in corpora() if (found := one.columns(paths))), None)


def group_from_names(paths: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return (description, a group for each path) where all file names follow one well-known pattern."""
    known = known_names(paths)
    if known is None:
        return None
    corpus, columns = known
    groups = columns[corpus.group]
    if not 1 < len(set(groups)) < len(groups):
        return None
    return f"{corpus.group.replace('_', ' ')}, as in {corpus.name} names", groups


def group_from_folders(keys: Sequence[str], labels: Sequence[str]) -> tuple[str, list[str]] | None:
    """Return (description, a group for each row) where folders lie between those of the labels and the recordings.

    They are the videos of VoxCeleb's speakers, sessions or speakers. Fewer than three cannot be kept apart.
    """
    steps = [key.split("/")[:-1] for key in keys]
    for place in range(min(map(len, steps), default=0)):
        if all(step[place] == label for step, label in zip(steps, labels, strict=True)):
            groups = ["/".join(step[place + 1 :]) for step in steps]
            # Splits cannot keep two folders of a class apart, so most classes need three.
            of_label = Counter(label for label, group in set(zip(labels, groups, strict=True)) if group)
            many = sum(number > 2 for number in of_label.values())
            if 2 < len(set(groups) - {""}) < len(groups) and many > len(set(labels)) / 3:
                return "folder between label and file", groups
    return None


def speakers_in_names(keys: Sequence[str], labels: Sequence[str]) -> str | None:
    """Return the pattern of files in class folders whose names may begin with the speaker ("yes/anna_01.wav"), or None.

    Beginnings are speakers only if most of them are in several classes, and each has several recordings; whether they
    are is not known, so this is for a note and not for a split.
    """
    for sign in "_-.":
        pattern = f"{{label}}/{{speaker}}{sign}{{}}"
        compiled = name_pattern(pattern)
        found = [compiled.fullmatch(_ending(key)) for key in keys]
        if not all(match and match["label"] == label for match, label in zip(found, labels, strict=True)):
            continue
        classes: dict[str, set[str]] = {}
        for match in filter(None, found):
            classes.setdefault(match["speaker"], set()).add(match["label"])
        several = sum(len(own) > 1 for own in classes.values())
        if 2 < len(classes) <= len(keys) / 2 and several > len(classes) / 2:
            return pattern
    return None


def name_pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern such as "{speaker}_{label}_{take}" or "{speaker:2}{text:3}{label:1}".

    A field contains neither / nor the signs beside it; `{name:N}` has N characters, and `{}` is not kept. A / matches
    folders.

    Raises:
        InputError: no field, one name twice, or two fields without anything between them.
    """
    trunk = bare(text)
    parts, names, end, open_ended = list[str](), list[str](), 0, False
    matches = list(_FIELD.finditer(trunk))
    for number, match in enumerate(matches):
        before, name, width = trunk[end : match.start()], match["name"].strip(), match["width"]
        following = trunk[match.end() : matches[number + 1].start() if number + 1 < len(matches) else None]
        if open_ended and not before:
            raise InputError(f"data.name_pattern: {text!r} has nothing between two fields; put a sign between them, or "
                             "say how many characters the first has: {speaker:2}{label:1}")  # fmt: skip
        if name in names or (name and not name.isidentifier()):
            raise InputError(f"data.name_pattern: {{{name}}} in {text!r} is used twice or is not a name; use letters, "
                             "digits and _, and {} for what is not needed")  # fmt: skip
        names += [name] if name else []
        stops = re.escape("/" + before[-1:] + following[:1])
        body = f"[^/]{{{width}}}" if width else f"[^{stops}]+"
        parts += [re.escape(before), f"(?P<{name}>{body})" if name else body]
        end, open_ended = match.end(), not width
    if not names:
        raise InputError(
            f"data.name_pattern: expected fields such as '{{speaker}}_{{label}}_{{take}}', got {shown(text)}"
        )
    return re.compile(f"(?:^|/){''.join(parts)}{re.escape(trunk[end:])}$")


def fields_of(pattern: str, paths: Sequence[str]) -> tuple[list[int], dict[str, list[str]]]:
    """Return the indices of the paths that have the form of a pattern, and the columns of those.

    Raises:
        InputError: no path has it.
    """
    compiled = name_pattern(pattern)
    found = {row: match for row, path in enumerate(paths) if (match := compiled.search(_ending(path)))}
    if not found:
        raise InputError(f"data.name_pattern: no file name has the form {pattern!r} (first: {paths[0]}); correct it")
    return list(found), {name: [match[name] for match in found.values()] for name in compiled.groupindex}
