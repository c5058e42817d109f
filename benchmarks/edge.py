"""Export models and print what each form costs and scores: the table of docs/guides/deployment.md.

    python benchmarks/edge.py RUN DATA [RUN DATA ...] [--set KEY=VALUE ...]

Each run is exported to ONNX in float32, int8 and int8-static, and a Whisper that transcribes to ONNX and CTranslate2 in
float32 and int8; all are scored on the test split of the data and compared with the run, clip by clip, as
`audio-ft export --check` does it. `--set where=…` and the like hold for all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Export and check each run."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("pairs", nargs="+", metavar="RUN DATA")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    arguments = parser.parse_args()
    settings = [word for setting in arguments.settings for word in ("--set", setting)]
    for run, data in zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True):
        transcribes = (Path(run) / "model" / "generation_config.json").is_file() or (
            Path(run) / "generation_config.json"
        ).is_file()
        kinds = ["int8"] if transcribes else ["int8", "int8-static"]
        for form in ("onnx", "ctranslate2") if transcribes else ("onnx",):
            print(f"\n{Path(run).name}, {form}", flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                command = [sys.executable, "-m", "audio_ft", "export", run, "--format", form, "--check", data,
                           "--output-dir", f"{scratch}/export", "--quiet", *settings]  # fmt: skip
                command += [word for kind in kinds for word in ("--quantize", kind)]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
