r"""Spoken digits in recordings of minutes with Wav2Vec2: which digit is said from when to when.

Command    python benchmarks/events.py ../shared/data/digits digits   # makes the recordings
           python recipes/wav2vec2_events.py --output-dir runs/wav2vec2-events
On a CPU   add --model ../shared/checkpoints/wav2vec2-mini
Try it     add --smoke: four steps, on a CPU some minutes
Hardware   the first command needs a GPU with 8 GB or more; with wav2vec2-mini it runs on two CPU cores
Expected   wav2vec2-mini: event F1 0.584 [0.491, 0.672], segment F1 0.682 [0.565, 0.780], as benchmarks/events.py trains
           it, in 18 minutes on a core shared with others; wav2vec2-base was not run
"""

from audio_ft import Data, Recipe, main
from audio_ft.cleaning.steps import BandPass, Mono, Normalize, Resample

recipe = Recipe(
    name="wav2vec2-events",
    task="events",
    model="facebook/wav2vec2-base",
    # A row for each digit: file_name, onset, offset, label. Any table with such columns will do, or label tracks.
    data=Data(
        path="digits/recordings/events.csv",
        group="speaker",
        license="cc-by-sa-4.0",
        language="en",
        source="Free Spoken Digit Dataset, joined to recordings of two minutes",
    ),
    # No Trim: it would move the times of events.
    chain=(Resample(16_000), Mono(), BandPass(50, 7_600), Normalize(dbfs=-1)),
    # One threshold for all classes is chosen on the validation split; "each" gives every class its own.
    events={"threshold": "one", "median_filter": 0.1, "min_duration": 0.06, "collar": 0.2},
    # Digits are short, and half the usual window is half the work.
    window=5,
    training={"max_steps": 160, "per_device_train_batch_size": 8, "eval_strategy": "steps", "eval_steps": 40},
    intended_use="Digits spoken one after another, close to a microphone, such as numbers that are dictated.",
    limits="English digits only; any other word may be taken for one of them. Few speakers, all of them men.",
    consent="Speakers gave their recordings to the Free Spoken Digit Dataset for publication under CC BY-SA 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
