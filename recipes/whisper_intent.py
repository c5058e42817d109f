r"""Intent of a call with Whisper's encoder: which of fourteen requests to a bank a caller makes, without a transcript.

Command    python recipes/whisper_intent.py --output-dir runs/intent
Try it     add --smoke: four steps on a few clips, a minute on a CPU
Hardware   a GPU with 8 GB or more
Expected   not run: no recordings of this field were at hand
"""

from audio_ft import Data, Recipe, main
from audio_ft.augmentation import Codec, Noise, Speed
from audio_ft.cleaning.steps import Loudness, Mono, Resample, Trim

recipe = Recipe(
    name="whisper-intent",
    task="classification",
    model="openai/whisper-small",
    data=Data(
        path="PolyAI/minds14",
        # en-US has 563 calls; "all" has 14 languages.
        name="en-US",
        revision="refs/convert/parquet",
        target="intent_class",
        # Callers are not named; at least the same words are on one side.
        group="transcription",
        license="cc-by-4.0",
        language="en",
        source="Gerz et al. 2021, MInDS-14",
    ),
    chain=(Resample(16_000), Mono(), Trim(top_db=40), Loudness(lufs=-23)),
    # What telephones do to other recordings, as the next ones may come from another network.
    augment=(Speed(), Noise(snr=(10, 30)), Codec(codecs=("gsm", "mu_law"), probability=0.3)),
    # What is meant is in the upper layers, and few calls are too few to train all of them.
    freeze="layers:6",
    training={"per_device_train_batch_size": 8, "num_train_epochs": 20},
    intended_use="Routing calls to a bank by what is asked for.",
    limits="Fourteen requests; any other is taken for one of them. Callers may be on both sides of the split.",
    consent="Crowd workers recorded requests for MInDS-14 for publication under CC BY 4.0.",
    license="apache-2.0",
)

if __name__ == "__main__":
    main(recipe)
