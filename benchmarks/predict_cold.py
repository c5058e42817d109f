"""Compare `audio-ft predict` of one file in a new process with a script of plain transformers: time and memory.

    python benchmarks/predict_cold.py DIGITS

Both load the same classifier (the included checkpoint with a new head) and print the probabilities of one recording.
Prints the least of three processes each, in seconds of processor time, and the greatest memory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench import Measurement, report, used

SHIPPED = Path(__file__).parents[1] / "audio_ft" / "assets" / "wav2vec2-mini"
ROUNDS = 3
PLAIN = """
import sys, soundfile, soxr, torch
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification
folder, file = sys.argv[1:]
extractor = AutoFeatureExtractor.from_pretrained(folder)
model = AutoModelForAudioClassification.from_pretrained(folder).eval()
samples, rate = soundfile.read(file, dtype="float32")
samples = soxr.resample(samples, rate, extractor.sampling_rate)
with torch.inference_mode():
    logits = model(**extractor(samples, sampling_rate=extractor.sampling_rate, return_tensors="pt")).logits
print(logits.softmax(-1)[0].tolist())
"""


def save_classifier(folder: Path) -> None:
    """Save the included checkpoint as a classifier of ten digits."""
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    torch.manual_seed(0)
    AutoModelForAudioClassification.from_pretrained(SHIPPED, num_labels=10, dtype=torch.float32).save_pretrained(folder)
    AutoFeatureExtractor.from_pretrained(SHIPPED).save_pretrained(folder)


def main() -> None:
    """Run both in turn."""
    file = str(next(Path(sys.argv[1], "test").glob("*.wav")))
    with tempfile.TemporaryDirectory() as folder:
        save_classifier(Path(folder))
        commands = {
            "ours": [sys.executable, "-m", "audio_ft", "predict", folder, file],
            "script": [sys.executable, "-c", PLAIN, folder, file],
        }
        rounds = [{name: used(command) for name, command in commands.items()} for _ in range(ROUNDS + 1)][1:]
    seconds, megabytes = (
        {name: pick(getattr(one[name], fact) for one in rounds) for name in commands}
        for fact, pick in (("processor", min), ("megabytes", max))
    )
    report([
        Measurement("predict one file, cold, s of processor time", seconds["ours"], "script", seconds["script"], 1.0),
        Measurement("the same, MB", megabytes["ours"], "script", megabytes["script"], 1.0),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
