r"""Speech recognition with Wav2Vec2: characters by CTC, from a checkpoint pretrained on audio only.

Command    python recipes/wav2vec2_transcription.py --output-dir runs/wav2vec2-transcription
On a CPU   python recipes/wav2vec2_transcription.py --data ../shared/data/prompts_asr --where language=en \
               --model ../shared/checkpoints/wav2vec2-mini --output-dir runs/wav2vec2-transcription-prompts
Try it     add --smoke: four steps on a few clips, under a minute on a CPU
Hardware   the first command needs a GPU with 12 GB or more; the second runs on two CPU cores
Expected   second command: character error rate 0.341 [0.271, 0.434] in ten minutes on one core; the first was not run
"""

from audio_ft import Data, Recipe, Text, main
from audio_ft.cleaning.steps import Mono, Normalize, Resample, Trim

recipe = Recipe(
    name="wav2vec2-transcription",
    task="transcription",
    model="facebook/wav2vec2-base",
    data=Data(
        path="openslr/librispeech_asr",
        name="clean",
        splits={"train.100": "train", "validation": "validation", "test": "test"},
        license="cc-by-4.0",
        source="Panayotov et al. 2015, LibriSpeech",
        group="speaker_id",
    ),
    # The vocabulary comes from the training transcripts: lower case, no punctuation, apostrophes inside words kept.
    text=Text(language="en", case="lower", punctuation="remove"),
    chain=(Resample(16_000), Mono(), Trim(top_db=40), Normalize(dbfs=-1)),
    # A newly initialized head needs many epochs.
    training={"num_train_epochs": 30, "per_device_train_batch_size": 8},
    intended_use="Transcribing read English, for search in recordings and as a start for other voices.",
    limits="Read English in quiet rooms; names are often wrong. Not for decisions about people.",
    consent="Volunteers read public-domain books for LibriVox, in the public domain; LibriSpeech is CC BY 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
