r"""Acted emotions with HuBERT: one of six emotions for each sentence.

Command    python recipes/hubert_emotion.py --output-dir runs/emotion
On a CPU   python recipes/hubert_emotion.py --data ../shared/data/emotion_de \
               --model ../shared/checkpoints/hubert-mini --output-dir runs/emotion_de
Try it     add --smoke: four steps on a few clips, under a minute on a CPU
Hardware   the first command needs a GPU with 12 GB or more; the second runs on two CPU cores
Expected   second command: accuracy 0.630 [0.541, 0.711] in fifteen minutes on one core; the first was not run
"""

from audio_ft import Data, Recipe, main
from audio_ft.augmentation import Noise, Speed
from audio_ft.cleaning.steps import BandPass, Mono, Normalize, Resample, Trim

recipe = Recipe(
    name="hubert-emotion",
    task="classification",
    model="facebook/hubert-base-ls960",
    data=Data(
        path="amu-cai/CAMEO",
        # One of the corpora in this collection; validation and test are split off it by speaker.
        splits={"crema_d": "train"},
        group="speaker_id",
        license="odbl",
        language="en",
        source="Cao et al. 2014, CREMA-D, as collected in CAMEO",
    ),
    chain=(Resample(16_000), Mono(), Trim(top_db=40), BandPass(50, 7_600), Normalize(dbfs=-1)),
    augment=(Speed(probability=1.0), Noise(snr=(10, 30))),
    # Train the convolutions too; with a large network and little memory, leave this line out.
    freeze="none",
    training={"per_device_train_batch_size": 16},
    intended_use="Research on acted emotion in speech.",
    limits="Acted sentences by few speakers. Says nothing about what a person feels; not for decisions about people.",
    consent="Actors were recorded for publication in CREMA-D.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
