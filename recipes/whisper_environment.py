r"""Environmental sound with Whisper's encoder: one of fifty sounds, such as rain, a dog or a chainsaw, in each clip.

Command    python recipes/whisper_environment.py --output-dir runs/environment
           with --set data.test_fold=null it trains five times, once for each fold, as results on ESC-50 are reported
Try it     add --smoke: four steps on a few clips, under a minute on a CPU
Hardware   a GPU with 8 GB or more
Expected   not run: no recordings of this field were at hand. docs/guides/fields.md says what the cleaning that is left
           out here cost other data
"""

from audio_ft import Data, Recipe, main
from audio_ft.augmentation import Gain, Mixup, Reverb
from audio_ft.cleaning.steps import Mono, Normalize, Resample

recipe = Recipe(
    name="whisper-environment",
    task="classification",
    model="openai/whisper-base",
    data=Data(
        path="ashraq/esc50",
        target="category",
        # Clips cut from one recording of Freesound are in one fold; its five folds are those of everybody.
        group="src_file",
        folds="fold",
        test_fold=5,
        license="cc-by-nc-3.0",
        source="Piczak 2015, ESC-50: Dataset for Environmental Sound Classification",
    ),
    # Neither BandPass nor Trim, which are for speech: engines rumble below 50 Hz, and how long a sound lasts matters.
    chain=(Resample(16_000), Mono(), Normalize(dbfs=-1)),
    augment=(Gain(db=6), Reverb(rt60=(0.1, 0.5), probability=0.3), Mixup()),
    training={"per_device_train_batch_size": 16, "num_train_epochs": 20},
    intended_use="Sorting recordings of single sounds outdoors and at home.",
    limits="Fifty sounds, one a clip; any other is taken for one of them. Not for alarms that people rely on.",
    consent="Recordings of Freesound, published there by those who made them; hardly any speech.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
