"""How often plain transformers answers otherwise in batches than one by one, with and without the attention mask.

For each run: test recordings, cleaned as in training, through `pipeline(...)` one by one and in batches of 16.

    python benchmarks/plain_batches.py RUN … [--clips 96]
    python benchmarks/plain_batches.py CHECKPOINT … --recordings FOLDER     # of a checkpoint without a run
    python benchmarks/plain_batches.py CHECKPOINT … --every-kind            # of every kind that is saved of it

With --every-kind each checkpoint is trained for 16 steps on the included words or sentences as every kind of model
that it can become (one label, several, a number, LoRA, a probe, a transcriber); what was saved is compared as it is.

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
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas

import audio_ft
from audio_ft import Data, Recipe, train
from audio_ft.audio.clip import AUDIO_SUFFIXES, read
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.models import load_adapter
from audio_ft.run import PREDICTIONS_FILE, Run

BATCH = 16
ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
SHORT = {"max_steps": 16, "per_device_train_batch_size": 8}


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


def kinds_of(checkpoint: str, folder: Path) -> Iterator[tuple[str, Recipe]]:
    """Yield the name and a short training of every kind of model that a checkpoint can become."""
    for column in ("label", "labels", "number"):
        manifest = folder / f"{column}.csv"
        if not manifest.is_file():
            with manifest.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("file_name", column, "speaker_id", "split"), *words(column)])
        data = Data(path=str(manifest), target=column, limit=48, kind=column)
        recipe = Recipe(model=checkpoint, data=data, training=SHORT, probe=False)  # or the probe may be what is saved
        yield column, recipe
        if column == "label":
            yield "label, LoRA", recipe.replace(peft="lora")
            yield "label, probe", recipe.replace(method="probe", training={})
    task = "transcription" if "whisper" in load_adapter(checkpoint).config.model_type else "ctc"
    yield task, Recipe(model=checkpoint, task=task, data=Data(path=str(ASSETS / "sentences"), limit=48), training=SHORT)


def words(column: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield file, target, speaker and split of the included words; several labels are the word and its first letter."""
    for file in sorted((ASSETS / "words").glob("*/*.ogg")):
        speaker, _, word = file.stem.rpartition("_")
        target = {"label": word, "labels": f"{word};{word[0]}-", "number": str(len(word))}[column]
        yield str(file), target, speaker, file.parent.name


def print_every_kind(checkpoint: str, clips: int) -> None:
    """Train every kind of model of a checkpoint, and print a line for each."""
    import transformers

    with tempfile.TemporaryDirectory() as place:
        for name, recipe in kinds_of(checkpoint, Path(place)):
            run = train(recipe, Path(place) / name)
            waves = waves_of(run, clips)
            build: Any = transformers.pipeline
            pipe = build(run.target.pipeline_tag, model=str(run.model_folder))
            changed, largest, mean = compare(pipe, waves, pipe.feature_extractor.sampling_rate, run.target.kind)
            print(
                f"{Path(checkpoint).name:<18}{name:<16}{len(waves):>6}{changed:>9}{largest:>9.3f}{mean:>9.4f}",
                flush=True,
            )


def answer(output: Any, kind: str = "label") -> tuple[str, float]:
    """Return a pipeline's answer: the best label, all likely ones or a text; and the best score (1 for a text)."""
    if isinstance(output, dict):
        return str(output["text"]), 1.0
    likely = sorted(one["label"] for one in output if one["score"] >= 0.5)
    return " ".join(likely) if kind == "labels" else str(output[0]["label"]), float(output[0]["score"])


def compare(pipe: Any, waves: list[np.ndarray], rate: int, kind: str = "label") -> tuple[int, float, float]:
    """Return answers changed by batches, and the largest and mean change of the best score."""
    # A pipeline computes a softmax unless the configuration says otherwise, which is 1 for a number.
    settings: dict[str, dict[str, Any]] = {
        "labels": {"function_to_apply": "sigmoid", "top_k": None},
        "number": {"function_to_apply": "none"},
    }
    how = settings.get(kind, {})

    def inputs() -> list[dict[str, Any]]:
        return [{"raw": wave, "sampling_rate": rate} for wave in waves]

    single = [answer(pipe(one, **how), kind) for one in inputs()]
    batched = [answer(output, kind) for output in pipe(inputs(), batch_size=BATCH, **how)]
    moved = [abs(one[1] - other[1]) for one, other in zip(single, batched, strict=True)]
    changed = sum(one[0] != other[0] for one, other in zip(single, batched, strict=True))
    return changed, max(moved), float(np.mean(moved))


def main() -> None:
    """Print one line a run and kind of mask."""
    import transformers

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument(
        "--every-kind", action="store_true", help="train and compare every kind of model of checkpoints"
    )
    parser.add_argument("--recordings", metavar="FOLDER", help="what checkpoints without a run are tried on")
    arguments = parser.parse_args()
    if arguments.every_kind:
        print(f"{'checkpoint':<18}{'kind':<16}{'clips':>6}{'changed':>9}{'largest':>9}{'mean':>9}", flush=True)
        for checkpoint in arguments.runs:
            print_every_kind(checkpoint, arguments.clips)
        return
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
