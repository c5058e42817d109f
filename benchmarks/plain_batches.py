"""How often plain transformers answers otherwise in batches than one by one, with and without the attention mask.

For each run: test recordings, cleaned as in training, through `pipeline(...)` one by one and in batches of 16.

    python benchmarks/plain_batches.py RUN … [--clips 96]
    python benchmarks/plain_batches.py CHECKPOINT … --recordings FOLDER     # of a checkpoint without a run

Answers changed, and how far the best probability moved on average, on the runs of recipes/ with mini checkpoints:

- wav2vec2-keywords (group norm), 96 clips: with the mask 0, .014; without 1, .046.
- hubert-emotion (layer norm), 48 clips: with the mask 0, .000; without 3, .044.
- whisper-keywords, 48 clips: 0, .000.
- whisper-tiny.en as transcriber, 16 English prompts of 8 kHz, without the mask as saved: 0.
- Transcribing pipelines of CTC networks always make the mask, and decode padding: of 35 clips wav2vec2-transcription
  changed 30 and hubert-transcription 3. No saved setting helps: the pipeline pads with one constant, over which a group
  norm averages. With `stride=(0, 0)` beside each recording it discards what it decodes of padding; of 24 included
  sentences a wav2vec2-mini then changed 8 instead of 15.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas

import audio_ft
from audio_ft.audio.clip import AUDIO_SUFFIXES, read
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.run import PREDICTIONS_FILE, Run

BATCH = 16


def waves_of(run: Run, clips: int) -> list[np.ndarray]:
    """Return test recordings of a run, cleaned as in training, as float32 (time,)."""
    model = audio_ft.load(run.folder)
    table = pandas.read_parquet(run.folder / PREDICTIONS_FILE)
    files = table.loc[table["split"] == "test", "file"].head(clips)
    folder = Path(run.recipe.data.path)
    return [model.chain(read(folder / file)).samples[0] for file in files]


def cleaned(folder: str, clips: int) -> list[np.ndarray]:
    """Return recordings of a folder through the default chain, as float32 (time,)."""
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix in AUDIO_SUFFIXES)
    return [DEFAULT_CHAIN(read(file)).samples[0] for file in files[:clips]]


def answer(output: Any) -> tuple[str, float]:
    """Return a pipeline's answer, and the probability of its best label (1 for a text)."""
    best = output[0] if isinstance(output, list) else output
    return str(best.get("label", best.get("text"))), float(best.get("score", 1.0))


def compare(pipe: Any, waves: list[np.ndarray], rate: int) -> tuple[int, float, float]:
    """Return answers changed by batches, and the largest and mean change of the best probability."""

    def inputs() -> list[dict[str, Any]]:
        return [{"raw": wave, "sampling_rate": rate} for wave in waves]

    single = [answer(pipe(one)) for one in inputs()]
    batched = [answer(output) for output in pipe(inputs(), batch_size=BATCH)]
    moved = [abs(one[1] - other[1]) for one, other in zip(single, batched, strict=True)]
    changed = sum(one[0] != other[0] for one, other in zip(single, batched, strict=True))
    return changed, max(moved), float(np.mean(moved))


def main() -> None:
    """Print one line a run and kind of mask."""
    import transformers

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--recordings", metavar="FOLDER", help="what checkpoints without a run are tried on")
    arguments = parser.parse_args()
    print(f"{'run':<26}{'mask':<12}{'clips':>6}{'changed':>9}{'largest':>9}{'mean':>9}")
    for folder in arguments.runs:
        build: Any = transformers.pipeline
        if arguments.recordings:
            waves, pipe = cleaned(arguments.recordings, arguments.clips), build("automatic-speech-recognition", folder)
        else:
            run = Run.load(folder)
            waves, pipe = waves_of(run, arguments.clips), build(run.target.pipeline_tag, model=str(run.model_folder))
        saved = pipe.feature_extractor.return_attention_mask
        for mask in (saved, not saved):
            pipe.feature_extractor.return_attention_mask = mask
            changed, largest, mean = compare(pipe, waves, pipe.feature_extractor.sampling_rate)
            name = f"{'with' if mask else 'without'}{' (saved)' if mask == saved else ''}"
            print(
                f"{Path(folder).name:<26}{name:<16}{len(waves):>4}{changed:>9}{largest:>9.3f}{mean:>9.4f}", flush=True
            )


if __name__ == "__main__":
    main()
