"""How often `audio-ft inspect --voices` finds one speaker under two names, and how often it names two speakers.

    python benchmarks/voices.py CHECKPOINT … [--only emotion_de] [--subsets 50]

For each speaker of a data set, half of the clips get another name: at random, or so that both names say different
things (the clips in the order of what is said in them, cut in the middle). For false alarms, `--subsets` sets are
drawn of the data as it is: four to all of its speakers, with 8 to 60 clips each. A speaker is a `speaker_id`; at most
60 clips of each are embedded, as the command does. On emotion_de, 514 clips of 10 speakers:

- whisper-tiny.en: 10 of 10 found by halves at random, 3 of 10 by halves of other emotions, no false alarm; 4 in 50
  subsets, where one in ten sets is what the command allows; 8 subsets cannot be told apart.
- wav2vec2-mini: cannot be told apart; 1 of 10 found by halves at random, 0 of 10 by other emotions, no false alarm.

On digits, 360 clips of 6 speakers, both find 6 of 6 by halves at random and 0 of 6 by halves of other digits, without a
false alarm. In 50 subsets of 4 to 6 of its speakers wav2vec2-mini gives 19 false alarms, four times what the command
says: the distribution of so few pairs is poorly known.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_ft.data import Data
from audio_ft.doctor.inspect import inspect
from audio_ft.evaluation.voices import FEWEST_CLIPS, FEWEST_GROUPS, MOST_CLIPS, chosen, compare_voices, embedded
from audio_ft.inference.embeddings import Encoder

SHARED = Path(__file__).parents[2] / "shared" / "data"
# The column that says what is said, or how.
SETS: dict[str, str] = {"digits": "label", "emotion_de": "label", "prompts_asr": "transcription"}
Features = NDArray[np.float32]


def planted(features: Features, names: Sequence[str], orders: Sequence[NDArray[np.int64]]) -> str:
    """Return how many speakers are found under two names, each order of clips cut in the middle, and false alarms."""
    found = wrong = untold = 0
    speakers = sorted(set(names))
    for speaker, order in zip(speakers, orders, strict=True):
        given = np.asarray(names, object)
        given[order[len(order) // 2 :]] = f"{speaker}, again"
        voices = compare_voices(features, [str(name) for name in given])
        untold += voices.method.startswith("cannot")
        right = [pair for pair in voices.pairs if f"{pair.group}, again" == pair.other]
        found += len(right)
        wrong += len(voices.pairs) - len(right)
    return f"{found}/{len(speakers)} found, {wrong} false alarms, {untold} sets that cannot be told apart"


def false_alarms(features: Features, names: Sequence[str], subsets: int) -> str:
    """Return how many pairs of speakers are named in subsets of the data as it is."""
    rng, wrong, untold = np.random.default_rng(0), 0, 0
    speakers = sorted(set(names))
    for _ in range(subsets):
        some = rng.permutation(speakers)[: rng.integers(FEWEST_GROUPS, len(speakers) + 1)]
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
    arguments = parser.parse_args()
    for name in [arguments.only] if arguments.only else SETS:
        inspected = inspect(Data(path=str(SHARED / name), group="speaker_id", target=SETS[name]), decode=False)
        for checkpoint in arguments.checkpoints:
            started = time.process_time()
            read, features = embedded(chosen(inspected.recordings), Encoder.load(checkpoint))
            took = time.process_time() - started
            names = [str(one.group) for one in read]
            print(f"{name}, {Path(checkpoint).name}: {len(read)} clips of {len(set(names))} speakers, "
                  f"{1e3 * took / len(read):.0f} ms of processor time a clip", flush=True)  # fmt: skip
            whole = compare_voices(features, names)
            print(f"  as it is                 {len(whole.pairs)} false alarms; {whole.method}")
            rng = np.random.default_rng(0)
            own = [np.flatnonzero(np.asarray(names) == speaker) for speaker in sorted(set(names))]
            print(f"  halves at random         {planted(features, names, [rng.permutation(rows) for rows in own])}")
            by_content = [np.array(sorted(rows, key=lambda row: read[row].target.casefold())) for rows in own]
            print(f"  halves of other content  {planted(features, names, by_content)}")
            print(f"  subsets                  {false_alarms(features, names, arguments.subsets)}", flush=True)


if __name__ == "__main__":
    main()
