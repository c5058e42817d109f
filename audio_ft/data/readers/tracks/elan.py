"""ELAN's .eaf: annotations on tiers, with times in milliseconds, read without expanding any entity."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from audio_ft.data.readers.tracks.region import Region, Track, seconds_in, track_of
from audio_ft.errors import InputError


@dataclass
class _Annotation:
    """Hold an annotation: its tier and speaker, its slots or the annotation that has them, its line and its text."""

    tier: str
    speaker: str
    line: int
    slots: tuple[str, str] | None
    parent: str
    text: list[str] = field(default_factory=list)


class _Reader:
    """Collect slots, annotations and recordings while the file is parsed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slots: dict[str, tuple[str | None, int]] = {}
        self.annotations: dict[str, _Annotation] = {}
        self.media: list[str] = []
        self._tier = ("", "")
        self._open: _Annotation | None = None
        self._inside = False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        # An .eaf has a schema and no document type; one that has could define entities of any size.
        raise InputError(f"{self.path}, line {self.parser.CurrentLineNumber:,}: a document type is not read; remove it")

    def _start(self, name: str, own: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if name == "TIME_SLOT":
            self.slots[own.get("TIME_SLOT_ID", "")] = own.get("TIME_VALUE"), line
        elif name == "MEDIA_DESCRIPTOR":
            self.media += [PurePosixPath(own[key]).name for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL") if key in own]
        elif name == "TIER":
            # "words@Anna" is the tier of words of Anna.
            tier, _, speaker = own.get("TIER_ID", "").partition("@")
            self._tier = tier, own.get("PARTICIPANT") or speaker
        elif name in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            ends = own.get("TIME_SLOT_REF1", ""), own.get("TIME_SLOT_REF2", "")
            slots = ends if name == "ALIGNABLE_ANNOTATION" else None
            self._open = _Annotation(*self._tier, line, slots, own.get("ANNOTATION_REF", ""))
            self.annotations[own.get("ANNOTATION_ID", "")] = self._open
        self._inside = name == "ANNOTATION_VALUE"

    def _end(self, name: str) -> None:
        self._inside = False

    def _text(self, text: str) -> None:
        if self._inside and self._open:
            self._open.text.append(text)

    def times(self, annotation: _Annotation) -> tuple[float, float] | None:
        """Return start and end of an annotation or of the one that it refers to; None where a slot has no time."""
        seen: list[_Annotation] = []
        while annotation.slots is None:
            seen.append(annotation)
            parent = self.annotations.get(annotation.parent)
            if parent is None or parent in seen:
                raise InputError(f"{self.path}, line {annotation.line:,}: it refers to the annotation "
                                 f"{annotation.parent!r}, which has no time; save the file again in ELAN")  # fmt: skip
            annotation = parent
        start, end = (self._slot(name, annotation) for name in annotation.slots)
        return None if start is None or end is None else (start, end)

    def _slot(self, name: str, annotation: _Annotation) -> float | None:
        if name not in self.slots:
            raise InputError(f"{self.path}, line {annotation.line:,}: there is no time slot {name!r}; save the file "
                             "again in ELAN")  # fmt: skip
        value, line = self.slots[name]
        return None if value is None else seconds_in(value, f"{self.path}, line {line:,}", 1e-3)


def read_elan(path: Path) -> Track:
    """Read the annotations of an .eaf; those that ELAN keeps without times are left out.

    Raises:
        InputError: the file is not XML, has a document type, or an annotation has no slots.
    """
    reader = _Reader(path)
    try:
        reader.parser.Parse(path.read_bytes(), True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions") from error
    except (LookupError, ValueError) as error:
        raise InputError(f"{path}: its text is in an encoding that cannot be read ({error}); save the file again in "
                         "ELAN") from error  # fmt: skip
    except expat.ExpatError as error:
        raise InputError(f"{path}, line {error.lineno:,}: not valid XML ({expat.ErrorString(error.code)}); save the "
                         "file again in ELAN") from error  # fmt: skip
    regions = []
    without = 0
    for own in reader.annotations.values():
        times = reader.times(own)
        label = "".join(own.text).strip()
        if times is None:
            without += 1
        elif label:
            regions.append(Region(*times, label, f"line {own.line:,}", own.tier, speaker=own.speaker))
    return track_of(path, regions, without, tuple(dict.fromkeys(reader.media)))
