r"""Spoken digits in recordings of minutes with Whisper's encoder: which digit is said from when to when.

Command    python benchmarks/events.py ../shared/data/digits digits --make-only
           python recipes/whisper_events.py --model WHISPER_TINY_EN --output-dir runs/whisper-events
           where ../shared/checkpoints/fetch_whisper.py puts the folder WHISPER_TINY_EN
Try it     add --smoke: four steps on all recordings, some minutes on a CPU
Hardware   two CPU cores, or any GPU
Expected   was not run
"""

from audio_ft import Data, Recipe, main
from audio_ft.cleaning.steps import Mono, Normalize, Resample

recipe = Recipe(
    name="whisper-events",
    task="events",
    model="openai/whisper-tiny.en",
    # A row for each digit: file_name, onset, offset, label. Any table with such columns will do, or label tracks.
    data=Data(
        path="digits/recordings/events.csv",
        group="speaker",
        license="cc-by-sa-4.0",
        language="en",
        source="Free Spoken Digit Dataset, joined to recordings of two minutes",
    ),
    # No Trim: it would move the times of events.
    chain=(Resample(16_000), Mono(), Normalize(dbfs=-1)),
    # Thresholds are chosen on the validation split; "each" gives every class its own.
    events={"threshold": "one", "median_filter": 0.1, "min_duration": 0.06, "collar": 0.2},
    # Digits are short, and half the usual window is half the work.
    window=5,
    training={"max_steps": 160, "per_device_train_batch_size": 8},
    intended_use="Digits spoken one after another, close to a microphone, such as numbers that are dictated.",
    limits="English digits only; any other word may be taken for one of them. Few speakers, all of them men.",
    consent="Speakers gave their recordings to the Free Spoken Digit Dataset for publication under CC BY-SA 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
