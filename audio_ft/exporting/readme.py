"""The README of an exported folder, with an example that needs numpy, soundfile and onnxruntime alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_START = """\
import json, numpy, onnxruntime, soundfile

facts = json.load(open("export.json"))
session = onnxruntime.InferenceSession(facts["files"]["{kind}"])
samples, rate = soundfile.read("recording.wav", dtype="float32", always_2d=True)
assert rate == facts["sample_rate"], "resample it first"
"""
# What follows, by the name of the output.
_ENDS = {
    "probabilities": """\
found = session.run(["probabilities"], {"samples": samples.mean(1)[None]})[0][0]
for label, probability in sorted(zip(facts["labels"], found), key=lambda pair: -pair[1]):
    print(f"{label} {probability:.3f}")
""",
    "frames": """\
found = session.run(["probabilities"], {"samples": samples.mean(1)[None]})[0][0]  # (frames, labels)
for frame, row in enumerate(found):
    print(f"{frame * facts['frame_seconds']:.2f} s", dict(zip(facts["labels"], row.round(2).tolist())))
""",
    "value": """\
print(session.run(["value"], {"samples": samples.mean(1)[None]})[0][0])
""",
    "tokens": """\
found = session.run(["tokens"], {"samples": samples.mean(1)[None]})[0][0]  # the best token of each frame
kept = found[numpy.diff(found, prepend=-1) != 0]  # a token that is repeated counts once
text = "".join(facts["tokens"][token] for token in kept if token != facts["blank"])
print(text.replace(facts["delimiter"], " ").strip())
""",
    "generated": """\
from tokenizers import Tokenizer

found = session.run(["tokens"], {"samples": samples.mean(1)[None]})[0][0]
print(Tokenizer.from_file("tokenizer.json").decode(found.tolist(), skip_special_tokens=True).strip())
""",
}
_TEXT = """\
# {network}, {task}, as ONNX

`export.json` says how the network is used. It takes `samples`, float32 (batch, time) at {rate:,} Hz, clips of one
length of at most {longest:g} s, and computes its features itself. Recordings are cleaned before, as `chain` in
`export.json` says: {steps}.

```python
{example}```

The example needs `pip install numpy soundfile onnxruntime{more}`. It cleans nothing; with
audio_ft, `audio-ft predict FOLDER RECORDING` cleans recordings of any format, rate and length before it predicts.

| file | weights |
|---|---|
{files}"""
_MEANINGS = {
    "float32": "32 bits",
    "int8": "8 bits; activations are quantized as they come",
    "int8-static": "8 bits; ranges of activations were calibrated on recordings of the validation split",
}


def readme(facts: Mapping[str, Any]) -> str:
    """Return the README for what export.json says."""
    kind = next(name for name in facts["outputs"] if name != "logits")
    if kind == "tokens" and "blank" not in facts:
        kind = "generated"
    if kind == "probabilities" and "frame_seconds" in facts:
        kind = "frames"
    return _TEXT.format(
        network=facts["network"],
        task=facts["task"],
        rate=facts["sample_rate"],
        longest=facts["longest_seconds"],
        steps=", ".join(str(step["step"]) for step in facts["chain"]) or "no step",
        example=_START.replace("{kind}", "float32") + _ENDS[kind],
        more=" tokenizers" if kind == "generated" else "",
        files="".join(f"| {name} | {_MEANINGS[kind]} |\n" for kind, name in facts["files"].items()),
    )
