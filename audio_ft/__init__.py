"""Fine-tune Wav2Vec2, HuBERT and Whisper on your own recordings.

import audio_ft as aft
run = aft.train(aft.Recipe(model="facebook/wav2vec2-base", data="recordings"), "runs/first")
model = aft.load("runs/first")
model("door.wav")
"""

import lazy_loader

__version__ = "0.2.0"

# The public names are listed in __init__.pyi; each is imported when it is first used, so `import audio_ft` is cheap.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
