r"""Speaker identification with Wav2Vec2: which of the enrolled readers speaks in each clip.

Command    python recipes/wav2vec2_speaker.py --output-dir runs/speakers
On a CPU   python recipes/wav2vec2_speaker.py --data ../shared/data/digits --where split=train \
               --target speaker_id --group take --model ../shared/checkpoints/wav2vec2-mini \
               --set method=probe --output-dir runs/digits-speakers
Try it     add --smoke: four steps on a few clips, under a minute on a CPU
Hardware   the first command needs a GPU with 12 GB or more; the second runs on one CPU core
Expected   second command: accuracy 0.995 [0.828, 0.999] (linear on MFCC: 1.000) in half a minute of processor time;
           the first was not run
"""

from audio_ft import Data, Recipe, main
from audio_ft.cleaning.steps import Mono, Normalize, Resample, Trim

recipe = Recipe(
    name="wav2vec2-speaker",
    task="classification",
    model="facebook/wav2vec2-base",
    data=Data(
        path="openslr/librispeech_asr",
        name="clean",
        # The 251 readers of train.100 are those to tell apart; validation and test are other chapters that they read.
        splits={"train.100": "train"},
        target="speaker_id",
        # A chapter was read in one session. Were it on two sides, its room and noise would give the reader away.
        group="chapter_id",
        license="cc-by-4.0",
        language="en",
        source="Panayotov et al. 2015, LibriSpeech",
    ),
    # No band-pass: what is below and above speech belongs to a voice, too.
    chain=(Resample(16_000), Mono(), Trim(top_db=40), Normalize(dbfs=-1)),
    training={"per_device_train_batch_size": 16},
    intended_use="Naming the speaker among people who are enrolled, in recordings of their own.",
    limits="Anybody who is not enrolled is taken for one who is. Microphone and room help it. Not a proof of identity.",
    consent="Volunteers read public-domain books for LibriVox, in the public domain; LibriSpeech is CC BY 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
