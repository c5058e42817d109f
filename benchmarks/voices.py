"""How often `audio-ft inspect --voices` finds one speaker under two names, and how often it names two speakers.

    python benchmarks/voices.py CHECKPOINT … [--only emotion_de] [--subsets 50]

For each speaker of a data set, half of the clips get another name: at random, or so that both names say different
things (the clips in the order of what is said in them, cut in the middle). For false alarms, `--subsets` sets are
drawn of the data as it is: six to twelve of its speakers, with 8 to 60 clips each. A speaker is a `speaker_id`; at most
60 clips of each are embedded, as the command does. Found of planted ones, without a false alarm:

- emotion_de, 514 clips of 10 speakers: whisper-tiny.en 10 of 10 by halves at random, 3 of 10 by halves of other
  emotions; wav2vec2-mini cannot tell them apart.
- digits, 360 clips of 6 speakers: whisper-tiny.en 6 of 6 by halves at random, wav2vec2-mini 5 of 6; both 0 of 6 by
  halves of other digits.

False alarms in 200 subsets, where one in ten is what the command allows:

- emotion_de: whisper-tiny.en 0, 71 subsets cannot be told apart; wav2vec2-mini 0, as it can tell none apart.
- digits, where subsets differ in clips alone: whisper-tiny.en 0; wav2vec2-mini 4, 89 cannot be told apart.
- The included synthetic voices, eight clips each, in 150 subsets of six to eight: whisper-tiny.en 10, 108 cannot be
  told apart; wav2vec2-mini 1, 149 cannot.
- prompts_asr has four speakers, which are too few.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.data import Data
from audio_ft.doctor.inspect import inspect
from audio_ft.evaluation.voices import FEWEST_CLIPS, FEWEST_GROUPS, MOST_CLIPS, chosen, compare_voices, embedded
from audio_ft.inference.embeddings import Encoder
from audio_ft.targets import Label, Target, Transcript

ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
SHARED = Path(__file__).parents[2] / "shared" / "data"
# Folder, kind of target, and its column, which says what is said, or how.
SETS: dict[str, tuple[Path, type[Target], str]] = {
    "digits": (SHARED, Label, "label"),
    "emotion_de": (SHARED, Label, "label"),
    "prompts_asr": (SHARED, Transcript, "transcription"),
    "words": (ASSETS, Label, "label"),
}
# Speakers of the largest subset: of fifty, subsets of all would be alike.
MOST_GROUPS = 12
Features = NDArray[np.float32]


class Vectors(NamedTuple):
    """Hold vectors (clips, layers, width), the speaker of each clip, and what is said in it."""

    features: Features
    speakers: NDArray[np.str_]
    contents: NDArray[np.str_]


def vectors_of(name: str, checkpoint: str, kept: str | None) -> Vectors:
    """Return the vectors of a data set by a checkpoint, from the folder where they are `kept` if it has them."""
    file = Path(kept) / f"{name}-{Path(checkpoint).name}.npz" if kept else None
    if file and file.is_file():
        with np.load(file) as found:
            return Vectors(*(found[field] for field in Vectors._fields))
    root, kind, column = SETS[name]
    inspected = inspect(Data(path=str(root / name), group="speaker_id", target=column), targets=[kind], decode=False)
    started = time.process_time()
    read, features = embedded(chosen(inspected.recordings), Encoder.load(checkpoint))
    took = 1e3 * (time.process_time() - started) / len(read)
    print(f"{name}, {Path(checkpoint).name}: {took:.0f} ms of processor time a clip", flush=True)
    found = Vectors(features, np.array([one.group for one in read]), np.array([one.target for one in read]))
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **found._asdict())
    return found


def planted(features: Features, names: Sequence[str], orders: Sequence[NDArray[np.int64]]) -> str:
    """Return how many speakers are found under two names, each order of their clips cut in the middle."""
    found = wrong = untold = 0
    for order in orders:
        speaker = names[order[0]]
        given = np.asarray(names, object)
        given[order[len(order) // 2 :]] = f"{speaker}, again"
        voices = compare_voices(features, [str(name) for name in given])
        untold += voices.method.startswith("cannot")
        right = [pair for pair in voices.pairs if f"{pair.group}, again" == pair.other]
        found += len(right)
        wrong += len(voices.pairs) - len(right)
    return f"{found}/{len(orders)} found, {wrong} false alarms, {untold} sets that cannot be told apart"


def false_alarms(features: Features, names: Sequence[str], subsets: int) -> str:
    """Return how many pairs of speakers are named in subsets of the data as it is."""
    rng, wrong, untold = np.random.default_rng(0), 0, 0
    speakers = sorted(set(names))
    if len(speakers) < FEWEST_GROUPS:
        return f"none: {len(speakers)} speakers are too few"
    for _ in range(subsets):
        some = rng.permutation(speakers)[: rng.integers(FEWEST_GROUPS, min(len(speakers), MOST_GROUPS) + 1)]
        rows = np.concatenate([
            rng.permutation(np.flatnonzero(np.asarray(names) == name))[: rng.integers(FEWEST_CLIPS, MOST_CLIPS + 1)]
            for name in some
        ])  # fmt: skip
        voices = compare_voices(features[rows], [names[row] for row in rows])
        wrong += len(voices.pairs)
        untold += voices.method.startswith("cannot")
    return f"{wrong} false alarms in {subsets} subsets, {untold} of them cannot be told apart"


def main() -> None:
    """Print the measurements of each data set and checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT")
    parser.add_argument("--only", choices=SETS)
    parser.add_argument("--subsets", type=int, default=50)
    parser.add_argument("--keep", metavar="FOLDER", help="where vectors are kept, so that the next run takes seconds")
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else SETS:
        for checkpoint in arguments.checkpoints:
            features, speakers, contents = vectors_of(name, checkpoint, arguments.keep)
            names = speakers.tolist()
            print(f"{name}, {Path(checkpoint).name}: {len(names)} clips of {len(set(names))} speakers")
            whole = compare_voices(features, names)
            print(f"  as it is                 {len(whole.pairs)} false alarms; {whole.method}")
            rng = np.random.default_rng(0)
            own = [np.flatnonzero(speakers == speaker) for speaker in sorted(set(names))]
            own = [rows for rows in own if len(rows) >= 2 * FEWEST_CLIPS]
            print(f"  halves at random         {planted(features, names, [rng.permutation(rows) for rows in own])}")
            by_content = [np.array(sorted(rows, key=lambda row: str(contents[row]).casefold())) for rows in own]
            print(f"  halves of other content  {planted(features, names, by_content)}")
            print(f"  subsets                  {false_alarms(features, names, arguments.subsets)}", flush=True)


if __name__ == "__main__":
    main()
