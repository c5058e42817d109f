r"""Music genre with Whisper's encoder: one of ten genres for each excerpt of thirty seconds.

Command    python recipes/whisper_music.py --output-dir runs/genres
Try it     add --smoke: four steps on a few clips, some minutes on a CPU
Hardware   a GPU with 12 GB or more
Expected   not run: no recordings of this field were at hand. Published accuracies are above 0.9 with artists on both
           sides of the split, and up to 0.3 lower where they are not (Sturm 2013, arXiv 1306.1461)
"""

from audio_ft import Data, Recipe, main
from audio_ft.augmentation import Codec, Gain, PitchShift
from audio_ft.cleaning.steps import Mono, Normalize, Resample

recipe = Recipe(
    name="whisper-music",
    task="classification",
    model="openai/whisper-base",
    data=Data(
        path="marsyas/gtzan",
        # The Hub's own conversion: the data set itself is a script, which `datasets` no longer runs.
        revision="refs/convert/parquet",
        target="genre",
        # It names no artists. With a table that does, set group=artist, or the score says how well artists are known.
        group="",
        source="Tzanetakis and Cook 2002, GTZAN",
    ),
    # Neither BandPass nor Trim, which are for speech: bass and silence before the first beat are music.
    chain=(Resample(16_000), Mono(), Normalize(dbfs=-1)),
    augment=(Gain(db=6), PitchShift(), Codec(codecs=("mp3", "opus"), kilobits=(24, 128))),
    training={"per_device_train_batch_size": 8, "num_train_epochs": 10},
    intended_use="Sorting music by genre, as a start for labels of one's own.",
    limits="Ten western genres of before 2002, with the same artists in training and test. Genres are disputed.",
    consent="Excerpts of published recordings, collected without a license for research only; not for a product.",
    license="other",
)

if __name__ == "__main__":
    main(recipe)
