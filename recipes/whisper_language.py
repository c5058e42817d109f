r"""Spoken language identification with Whisper's encoder: which of a hundred languages is spoken in each clip.

Command    python recipes/whisper_language.py --output-dir runs/languages
On a CPU   python recipes/whisper_language.py --data ../shared/data/prompts_asr --target language --group prompt_key \
               --set data.folds=5 --set data.test_fold=1 --model ../shared/checkpoints/wav2vec2-mini \
               --set method=probe --output-dir runs/prompts-languages
Try it     add --smoke: four steps on a few clips, under a minute on a CPU
Hardware   the first command needs a GPU with 16 GB or more and 400 GB of disk; the second runs on one CPU core
Expected   second command: accuracy 0.932 [0.891, 0.956] in a minute of processor time. One voice a language: a linear
           model on MFCC, which knows voices, reaches 0.994. The first was not run
"""

from audio_ft import Data, Recipe, main
from audio_ft.cleaning.steps import Mono, Normalize, Resample, Trim

recipe = Recipe(
    name="whisper-language",
    task="classification",
    model="openai/whisper-tiny",
    data=Data(
        path="google/fleurs",
        name="all",
        target="lang_id",
        # The same sentences are read in all languages: what is said must not be what is learned.
        group="id",
        license="cc-by-4.0",
        source="Conneau et al. 2022, FLEURS",
    ),
    chain=(Resample(16_000), Mono(), Trim(top_db=40), Normalize(dbfs=-1)),
    # A few seconds are enough to know a language, and a third of the window is a third of the work.
    window=10,
    training={"per_device_train_batch_size": 16},
    intended_use="Choosing the language of a recording before it is transcribed.",
    limits="Read sentences. Languages that were not in training are taken for one of those that were.",
    consent="Native speakers recorded sentences for FLEURS for publication under CC BY 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
