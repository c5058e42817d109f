"""Cut long recordings with their transcripts at pauses, so that a training can use all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import blocks, probe
from audio_ft.audio.codec.source import Part
from audio_ft.audio.vad import Spectrum
from audio_ft.cleaning.place import source_of, stamp_of
from audio_ft.data import Data, load, sources
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.errors import AudioError, InputError
from audio_ft.file_io import append_json_line, read_json_lines, state_of
from audio_ft.inference.predictor import Model
from audio_ft.inference.transcript_cuts import Segment, segments
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from audio_ft.data import Loaded

# Pauses are looked for in blocks, each against its own noise.
BLOCK_SECONDS = 30.0
# Parts in which less of the transcript is recognized are left out: of 39 parts of English prompts, cut with
# whisper-tiny.en, one, at .44 (the model had skipped its end); the others had .58 to 1.
AGREEMENT = 0.5
START, END, AGREES = "start_seconds", "end_seconds", "agreement"


@dataclass(frozen=True)
class Segmented:
    """Hold a table of parts of recordings with their transcripts.

    Attributes:
        rows: of the table: file_name, start_seconds, end_seconds, the transcript, agreement (None where a recording was
            short enough), and where the data has them split and group.
        cut: how many recordings were longer.
        seconds: the duration of all recordings.
        used: the seconds of the rows.
        excluded: recording or part, and why it is in no row.
    """

    rows: tuple[Mapping[str, Any], ...]
    cut: int
    seconds: float
    used: float
    excluded: tuple[tuple[str, str], ...]


def segment(
    model: Model,
    data: Data | str | Path,
    longest: float | None = None,
    *,
    agreement: float = AGREEMENT,
    words_file: str | Path | None = None,
) -> Segmented:
    """Cut recordings that are longer than a training takes at pauses, with their transcripts.

    A model that transcribes says where words are; a cut needs a pause between two words on which it and the transcript
    agree. The transcript stays as it is written. Recordings that are short enough are listed as they are.

    Args:
        model: a transcriber of the language, such as the Whisper that is to be tuned.
        data: recordings with transcripts.
        longest: the most seconds of a part; None: the window of the model.
        agreement: the least share of the words of a part that have to be recognized, from 0 to 1.
        words_file: where the words that are recognized are kept, so that an interrupted call goes on.

    Example:
        >>> import audio_ft as aft
        >>> model = aft.load("openai/whisper-tiny.en")  # doctest: +SKIP
        >>> aft.segment(model, "interviews.csv").rows[0]  # doctest: +SKIP
        {'file_name': '/data/1.mp3', 'start_seconds': 0.0, 'end_seconds': 28.31, 'text': 'Good morning …', …}

    Raises:
        InputError: the model does not transcribe, the data cannot be used, or its recordings are not files.
    """
    task = model.task
    if not task.target.by_words:
        raise InputError(f"segment needs a model that transcribes, and this one predicts {task.target.wording.short}.")
    most = min(longest or model.adapter.window, model.adapter.longest_window)
    accepted = Data.accept(data)
    given = tuple(name for name in sources.read(accepted, classes=False).rows.split_names if name in SPLITS)
    # Without splits all is train: a training makes them, of whole recordings.
    loaded = load(accepted, known=task.target, need=given or ("train",))
    known = _Known(Path(words_file) if words_file else None, state_of(str(model.folder)))
    rows, excluded, cut, total = [], list[tuple[str, str]](), 0, 0.0
    places = [(split, row) for split, table in loaded.splits.items() for row in table]
    for split, row in progress_bar(places, desc="cutting", unit="recording"):
        key, source = row["key"], _file(row)
        try:
            seconds = source.stop - source.start if source.stop is not None else probe(source).seconds
            cut, total = cut + (seconds > most), total + seconds
            parts = _parts(model, source, row["target"], seconds, most, known, key)
        except AudioError as error:
            excluded.append((key, str(error)))
            continue
        for part in parts:
            if why := _unusable(part, most, agreement):
                excluded.append((f"{key} {part.start:.2f}-{part.end:.2f} s", why))
            else:
                rows.append(_row(loaded, split if given else None, row, source, part, seconds > most))
    used = sum(row[END] - row[START] for row in rows)
    return Segmented(tuple(rows), cut, total, used, tuple(excluded))


class _Known:
    """Hold the words that were recognized in recordings, in a file of JSON lines if there is one."""

    def __init__(self, file: Path | None, model: str) -> None:
        self.file, self.model = file, model
        lines = read_json_lines(file) if file else []
        self.recognized = {(line["key"], line["stamp"]): list(line["words"]) for line in lines}

    def words(self, model: Model, key: str, source: Part) -> list[dict[str, Any]]:
        """Return the words of a recording, from the file if neither it nor the model has changed since."""
        stamp = f"{self.model}|{stamp_of(source)}"
        if (key, stamp) in self.recognized:
            return self.recognized[key, stamp]
        words = [word for part in model(source, words=True)["segments"] for word in part["words"]]
        if self.file:
            append_json_line(self.file, {"key": key, "stamp": stamp, "words": words})
        return words


def _file(row: Mapping[str, Any]) -> Part:
    """Return the recording of a row, which is a file or a part of one."""
    source = Part.of(source_of(row))
    if isinstance(source.whole, bytes):
        raise InputError(
            f"{row['key']}: is stored in a table and not a file of its own, which the new table could name; save the "
            "recordings as files first (`audio-ft clean` does)."
        )
    return source


def _parts(
    model: Model, source: Part, text: str, seconds: float, most: float, known: _Known, key: str
) -> list[Segment]:
    """Return a recording as it is, if it is short enough, or in parts."""
    if seconds <= most:
        return [Segment(0.0, seconds, text, 1.0)]
    return segments(text, known.words(model, key, source), list(_pauses(source)), seconds, most)


def _pauses(source: Part) -> Iterator[tuple[float, float]]:
    """Yield the pauses of a recording, in seconds."""
    start = 0.0
    for block in blocks(source, BLOCK_SECONDS):
        for first, last in Spectrum.of(block).pauses():
            yield start + first, start + last
        start += block.seconds


def _unusable(part: Segment, most: float, agreement: float) -> str:
    """Return why a part is not used, or ""."""
    if part.end - part.start > most:
        return f"no pause between words that are recognized as they are written within {most:g} s"
    if part.agreement < agreement:
        return f"{part.agreement:.0%} of its words are recognized as they are written, less than {agreement:.0%}"
    return ""


def _row(
    loaded: Loaded, split: str | None, row: Mapping[str, Any], source: Part, part: Segment, is_cut: bool
) -> dict[str, Any]:
    """Return a row of the new table."""
    cells: dict[str, Any] = {"file_name": str(Path(str(source.whole)).resolve())}
    cells |= {START: round(source.start + part.start, 3), END: round(source.start + part.end, 3)}
    cells |= {loaded.column: part.text, AGREES: round(part.agreement, 3) if is_cut else None}
    if split:
        cells["split"] = split
    if loaded.group:
        cells["group"] = row["group"]
    return cells
