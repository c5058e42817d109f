"""Exported models: what the run computes, in a file that needs nothing of this package, and what each form costs."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from checkpoints import kept_checkpoint, tiny_checkpoint
from waiting import HUNG

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.models import load_adapter

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
WORDS = Path(aft.__file__).parent / "assets" / "words"


@pytest.fixture(scope="module")
def exported(small_run, tmp_path_factory):
    """Return the folder of the small run as ONNX, in float32 and with weights of 8 bits."""
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert cli.main(["export", str(small_run), "--quantize", "int8", "--output-dir", str(folder), "--json"]) == 0
    files = {"float32": str(folder / "model.onnx"), "int8": str(folder / "model.int8.onnx")}
    assert json.loads(shown.getvalue()) == {"folder": str(folder), "files": files}
    return folder


def test_an_exported_classifier_gives_the_probabilities_of_its_run(exported, small_run):
    clips = sorted((WORDS / "test").rglob("*.ogg"))[::20]
    ours, theirs = aft.load(small_run, device="cpu")(clips), aft.load(exported)(clips)
    for one, other in zip(ours, theirs, strict=True):
        assert other == pytest.approx(one, abs=1e-4)


def test_raw_samples_of_any_number_and_length_go_in(exported):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported / "model.onnx"))
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 11_111)).astype(np.float32)
    (together,) = session.run(["probabilities"], {"samples": noise})
    assert together.shape == (3, 8)
    np.testing.assert_allclose(together.sum(1), 1, rtol=1e-5)
    for row, clip in zip(together, noise, strict=True):
        np.testing.assert_allclose(session.run(["probabilities"], {"samples": clip[None]})[0][0], row, atol=1e-5)
    assert session.run(["probabilities"], {"samples": noise[:1, :7]})[0].shape == (1, 8)  # shorter than a frame


def test_weights_of_8_bits_are_smaller_and_say_nearly_the_same(exported):
    assert (exported / "model.int8.onnx").stat().st_size < 0.5 * (exported / "model.onnx").stat().st_size
    clip = next((WORDS / "test").rglob("*.ogg"))
    plain, small = aft.load(exported)(clip), aft.load(exported, backend="onnx:int8")(clip)
    assert plain != small
    assert small == pytest.approx(plain, abs=0.05)


def test_the_example_of_the_readme_runs_without_this_package(exported, tmp_path):
    clip = next((WORDS / "test").rglob("*.ogg"))
    model = aft.load(exported)
    soundfile.write(exported / "recording.wav", model.chain(aft.read(clip)).samples[0], 16_000, subtype="FLOAT")
    code = (exported / "README.md").read_text("utf-8").split("```python\n")[1].split("```")[0]
    code = f"import sys\nsys.modules['audio_ft'] = sys.modules['torch'] = None\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=exported, capture_output=True, text=True, check=True, timeout=HUNG
    )
    (exported / "recording.wav").unlink()
    printed = {label: float(value) for label, value in (line.split() for line in done.stdout.splitlines())}
    assert printed == pytest.approx(dict(model(clip)), abs=2e-3)


def test_it_says_how_it_is_used_and_holds_no_path_of_this_machine(exported, small_run):
    facts = json.loads((exported / "export.json").read_text("utf-8"))
    assert facts["labels"] == list(aft.Run.load(small_run).labels)
    assert (facts["sample_rate"], facts["outputs"]["probabilities"]) == (16_000, ["batch", 8])
    assert [step["step"] for step in facts["chain"]] == [
        type(step).__name__ for step in aft.load(small_run).chain.steps
    ]
    assert not (exported / "model.safetensors").exists()
    for file in exported.iterdir():
        for place in (small_run.parent, WORDS.parents[1], Path(torch.__file__).parent):
            assert str(place).encode() not in file.read_bytes()


@pytest.mark.parametrize("name", ["crnn", "whisper"])
def test_the_front_end_computes_the_log_mel_spectrogram_of_the_extractor(name, tmp_path):
    adapter = load_adapter(name if name == "crnn" else str(tiny_checkpoint(name, tmp_path)))
    adapter, front = adapter.with_window(2.0), adapter.with_window(2.0).front_end()
    for length in (1_234, 16_000, 32_000):
        samples = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
        samples[length // 2 :] *= 1e-4  # below the floor
        expected = adapter.collate([adapter.extract(samples)])["input_features"]
        found = front(torch.from_numpy(samples)[None])["input_features"]
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_a_gru_in_onnx_is_that_of_torch(tmp_path):
    import onnxruntime

    from audio_ft.exporting.graph import write_onnx
    from audio_ft.exporting.layers import make_exportable

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = torch.nn.GRU(5, 4, 2, batch_first=True, bidirectional=True)

        def forward(self, hidden):
            return self.gru(hidden)[0]

    torch.manual_seed(0)
    network, hidden = Recurrent().eval(), torch.randn(3, 9, 5)
    expected = network(hidden).detach().numpy()
    write_onnx(
        make_exportable(network), {"hidden": torch.randn(2, 7, 5)}, {"hidden": {0: "batch", 1: "frames"}},
        ["found"], tmp_path / "gru.onnx",
    )  # fmt: skip
    found = onnxruntime.InferenceSession(str(tmp_path / "gru.onnx")).run(None, {"hidden": hidden.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_what_cannot_be_exported_is_refused(small_run, tmp_path):
    from audio_ft.exporting.graph import front_end

    (tmp_path / "mine.txt").write_text("mine")
    model = aft.load(small_run, device="cpu")
    with pytest.raises(InputError, match="is not empty and holds no export; give another"):
        aft.export(model, tmp_path)
    with pytest.raises(InputError, match="int8-static needs recordings to calibrate on"):
        aft.export(model, tmp_path / "new", quantize=["int8-static"])
    with pytest.raises(InputError, match="is not an exported model: run `audio-ft export` first"):
        aft.load(small_run, backend="onnx")
    with pytest.raises(InputError, match="audio-spectrogram-transformer models cannot be exported: no layers compute"):
        front_end(load_adapter(kept_checkpoint("ast")))


def test_an_export_lacks_what_was_not_asked_for(exported):
    with pytest.raises(InputError, match=r"no network of the kind 'int4'; it has float32, int8\."):
        aft.load(exported, backend="onnx:int4")


@pytest.mark.slow
def test_the_command_calibrates_checks_and_compares(own_run, tmp_path, capsys):
    folder = tmp_path / "phone"
    assert cli.main(["export", str(own_run), "--quantize", "int8-static", "--check", str(WORDS), "--set", "limit=48",
                     "--output-dir", str(folder), "--json"]) == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    names = [row["name"] for row in found["rows"]]
    assert names == ["run", "float32", "int8-static"]
    run, plain, static = found["rows"]
    assert plain["score"] == run["score"]
    assert plain["compared"]["identical"]
    assert static["size"] < 0.5 * plain["size"]
    assert plain["memory"] < 0.5 * run["memory"]
    assert static["compared"]["verdict"] in ("better", "worse", "not distinguishable")
