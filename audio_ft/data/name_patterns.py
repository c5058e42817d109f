"""File names that say who speaks, what is said or what is heard: patterns of known corpora, and those of users."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from audio_ft.audio.output_paths import bare
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown

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
    group: str
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


def _corpus(name: str, pattern: str, *, group: str = "speaker", label: str = "", **words: str) -> Corpus:
    """Return a corpus; `words` are "code word, code word" by column, codes in lower case."""
    parsed = {column: dict(pair.strip().split(" ", 1) for pair in text.split(",")) for column, text in words.items()}
    return Corpus(name, re.compile(rf"(?:^|/){pattern}$", re.IGNORECASE), group, label, parsed)


_emotional = partial(_corpus, label="emotion")

CORPORA: tuple[Corpus, ...] = (
    _corpus("speech-commands", r"(?P<speaker>[0-9a-f]{6,})_nohash_\d+"),
    # "24-12-2023" is a date.
    _corpus("LibriSpeech", r"(?!\d\d?-\d\d?-(?:19|20)\d\d$)(?P<speaker>\d+)-\d+-\d{4}"),
    _corpus("LibriTTS", r"(?P<speaker>\d+)_\d{3,}_\d{6}_\d{6}"),
    _corpus("VCTK", r"(?P<speaker>[ps]\d{3}|s5)_\d{3}(?:_mic[12])?"),
    _emotional(
        "RAVDESS",
        r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-"
        r"(?P<repetition>0[12])-(?P<actor>\d\d)",
        group="actor",
        emotion="01 neutral, 02 calm, 03 happy, 04 sad, 05 angry, 06 fearful, 07 disgust, 08 surprised",
        intensity="01 normal, 02 strong",
        channel="01 speech, 02 song",
    ),
    _emotional(
        "CREMA-D",
        r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<emotion>ANG|DIS|FEA|HAP|NEU|SAD)_(?P<level>LO|MD|HI|XX?)",
        group="actor",
        emotion="ang anger, dis disgust, fea fear, hap happy, neu neutral, sad sad",
    ),
    _emotional(
        "Emo-DB",
        r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<version>[a-z]?)",
        emotion="w anger, l boredom, e disgust, a fear, f happiness, t sadness, n neutral",
    ),
    _emotional(
        "TESS",
        r"(?P<speaker>OAF?|YAF?)_(?P<spoken>[a-z]+)_(?P<emotion>angry|disgust|fear|happy|neutral|ps|sad)",
        speaker="oa OAF, ya YAF",
        emotion="ps pleasant surprise",
    ),
    _emotional(
        "EmoV-DB",
        r"(?P<speaker>bea|jenie|josh|sam)(?:_[a-z]+)?/(?:[a-z]+/)?"
        r"(?P<emotion>amused|anger|angry|disgust|disgusted|neutral|sleepiness|sleepy)_\d+-\d+_(?P<sentence>\d{4})",
        emotion="amused amused, anger anger, angry anger, disgust disgust, disgusted disgust, neutral neutral, "
        "sleepiness sleepiness, sleepy sleepiness",
    ),
    _emotional(
        "SAVEE",
        r"(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|[adfhn])(?P<sentence>\d\d)",
        emotion="a anger, d disgust, f fear, h happiness, n neutral, sa sadness, su surprise",
    ),
    _emotional(
        "ESD",
        r"(?P<speaker>\d{4})/(?P<emotion>angry|happy|neutral|sad|surprise)/(?:(?:train|evaluation|test)/)?"
        r"(?P=speaker)_\d{6}",
    ),
    # Its speakers are not named, only whether they are women, men or children.
    _emotional(
        "MESD",
        r"(?P<emotion>anger|disgust|fear|happiness|neutral|sadness)_(?P<voice>[CFM])_(?P<corpus>[AB])_(?P<word>\w+)",
        group="voice",
    ),
    _emotional(
        "EMOVO",
        r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm]\d)-(?P<sentence>[bdln]\d)",
        emotion="dis disgust, gio joy, neu neutral, pau fear, rab anger, sor surprise, tri sadness",
    ),
    _emotional(
        "JL-corpus",
        r"(?P<speaker>(?:fe)?male\d)_(?P<emotion>angry|anxious|apologetic|assertive|concerned|encouraging|excited|happy|"
        r"neutral|sad)_(?P<sentence>\d+[ab])_(?P<take>\d)",
    ),
    _emotional(
        "AESDD", r"(?P<emotion>anger|disgust|fear|happiness|sadness)/[adfhs](?P<sentence>\d\d) ?\((?P<speaker>\d)\)b?"
    ),
    _emotional(
        "BAVED",
        r"(?P<speaker>\d+)-(?P<gender>[MF])-(?P<age>\d\d)-(?P<word>[0-6])-(?P<emotion>[0-2])-(?P<take>\d+)",
        emotion="0 low, 1 normal, 2 high",
    ),
    _emotional(
        "ShEMO",
        r"(?P<speaker>[FM]\d\d)(?P<emotion>[AFHNSW])(?P<take>\d\d)",
        emotion="a anger, f fear, h happiness, n neutral, s sadness, w surprise",
    ),
    _emotional(
        "URDU",
        r"(?P<speaker>S[MF]\d+)_F(?P<file>\d+)_(?P<emotion>[AHNS])(?P<number>\d+)",
        emotion="a angry, h happy, n neutral, s sad",
    ),
    _corpus("IEMOCAP", r"Ses(?P<session>\d\d)[FM]_(?:impro|script)\w+_(?P<gender>[FM])\d{3}", group="session"),
    _corpus("spoken-digit", r"(?P<digit>\d)_(?P<speaker>[a-z]+|\d\d)_(?P<take>\d+)", label="digit"),
    _corpus(
        "ESC-50",
        r"(?P<fold>[1-5])-(?P<original_file>\d+)-(?P<take>[A-Z])-(?P<class_id>\d{1,2})",
        group="original_file",
        label="class_id",
    ),
    _corpus(
        "UrbanSound8K",
        # Without the folder of a fold, "2023-5-12-1" is a date.
        r"(?:fold(?P<fold>\d+)/)?(?P<fsid>(?(fold)|(?!(?:19|20)\d\d-))\d+)-(?P<event>\d)-(?P<occurrence>\d+)-(?P<slice>\d+)",
        group="fsid",
        label="event",
        event="0 air_conditioner, 1 car_horn, 2 children_playing, 3 dog_bark, 4 drilling, 5 engine_idling, "
        "6 gun_shot, 7 jackhammer, 8 siren, 9 street_music",
    ),
)


def _ending(path: str) -> str:
    """Return a path with / and without its suffix."""
    return bare(path.replace("\\", "/"))


def known_names(paths: Sequence[str]) -> tuple[Corpus, dict[str, list[str]]] | None:
    """Return the corpus whose form all paths have, and the columns that they contain; None where there is none."""
    return next(((one, found) for one in CORPORA if (found := one.columns(paths))), None)


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
