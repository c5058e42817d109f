"""Checkpoints that other people made: their code never runs, and what is damaged ends in one sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft.cli.main import main
from audio_ft.data import load
from audio_ft.data.readers.arrow import read_hub
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.models.load import from_pretrained

REPOSITORY = Path(__file__).parents[2]
CODE = "from pathlib import Path\nPath({mark!r}).write_text('ran')\n" + "".join(
    f"class {name}:\n    pass\n" for name in ("Config", "Model", "Extractor", "Tokenizer")
)
AUTO_MAP = {
    "AutoConfig": "evil.Config",
    "AutoModelForAudioClassification": "evil.Model",
    "AutoModelForCTC": "evil.Model",
    "AutoModelForSpeechSeq2Seq": "evil.Model",
    "AutoFeatureExtractor": "evil.Extractor",
    "AutoTokenizer": ["evil.Tokenizer", None],
}


def change(file: Path, **settings: object) -> None:
    content = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(content | settings))


def armed(folder: Path, mark: Path, **config: object) -> Path:
    """Make a checkpoint point to code of its own wherever transformers looks for it."""
    (folder / "evil.py").write_text(CODE.format(mark=str(mark)))
    change(folder / "config.json", auto_map=AUTO_MAP, **config)
    change(folder / "preprocessor_config.json", auto_map=AUTO_MAP)
    change(folder / "tokenizer_config.json", auto_map=AUTO_MAP, tokenizer_class="Evil")
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(CODE.format(mark=str(mark)))
    return folder


@pytest.fixture
def says_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer every question with yes, as `yes |` does."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")


@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
@pytest.mark.usefixtures("says_yes")
def test_no_command_runs_code_of_a_checkpoint(
    command: str, small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark, door = tmp_path / "mark", next(file for file in Path(WORDS).rglob("*.*") if file.suffix != ".md")
    folder = armed(Path(shutil.copytree(small_run / "model", tmp_path / "model")), mark, model_type="evil")
    words = {
        "train": ("train", "--model", str(folder), "--data", WORDS, "--output-dir", str(tmp_path / "run")),
        "predict": ("predict", str(folder), str(door)),
        "evaluate": ("evaluate", str(folder), WORDS),
    }[command]
    code, error = main(words), capsys.readouterr().err
    assert (code, mark.exists()) == (2, False), error
    assert "'evil' model" in error
    assert "never run" in error
    assert "trust_remote_code" not in error
    assert len(error.strip().splitlines()) == 1
    with pytest.raises(InputError, match="never run"):
        aft.load(folder)
    assert not mark.exists()


@pytest.mark.slow
def test_yes_on_standard_input_changes_nothing(small_run: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    folder = armed(Path(shutil.copytree(small_run / "model", tmp_path / "model")), mark, model_type="evil")
    program = f"yes | {sys.executable} -m audio_ft train --model {folder} --data {WORDS} --output-dir {tmp_path}/run"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    outcome = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert (outcome.returncode, mark.exists()) == (2, False), outcome.stderr


@pytest.mark.usefixtures("says_yes")
def test_known_architectures_ignore_code_beside_them(small_run: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    folder = armed(Path(shutil.copytree(small_run / "model", tmp_path / "model")), mark)
    assert aft.load(folder).task.target.names
    assert load_adapter(str(folder)).sample_rate == 16_000
    for kind in ("AutoModelForCTC", "AutoTokenizer", "AutoConfig", "AutoFeatureExtractor"):
        with suppress(InputError):
            from_pretrained(kind, folder)
    assert not mark.exists()


def test_attention_code_of_another_repository_is_refused(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("hubert-group", tmp_path))
    change(folder / "config.json", attn_implementation="somebody/attention")
    with pytest.raises(InputError, match="runs no code"):
        load_adapter(str(folder))


@pytest.mark.usefixtures("says_yes")
def test_a_data_set_with_a_script_is_not_run(tmp_path: Path) -> None:
    mark, folder = tmp_path / "mark", tmp_path / "words"
    folder.mkdir()
    (folder / "words.py").write_text(CODE.format(mark=str(mark)))
    (folder / "dataset_infos.json").write_text("{}")
    for read in (lambda: load(aft.Data(path=str(folder))), lambda: read_hub(aft.Data(path=str(folder)))):
        with pytest.raises(InputError):
            read()
    assert not mark.exists()


@pytest.mark.usefixtures("says_yes")
def test_a_feature_extractor_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = armed(Path(tiny_checkpoint("hubert-group", tmp_path / "model")), tmp_path / "mark")
    change(folder / "preprocessor_config.json", feature_extractor_type="Evil")
    with pytest.raises(InputError, match="never runs"):
        load_adapter(str(folder))
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("config.json", "[" * 100_000, "nested too deep|not valid JSON"),
        ("config.json", '{"model_type": "hubert", "a": ' + "[" * 900 + "]" * 900 + "}", "nested more than"),
        ("config.json", '{"model_type": "hubert", "hidden_size": ' + "9" * 5000 + "}", "not valid JSON"),
        ("config.json", '{"model_type": "hubert", "hidden_size": ' + "9" * 4000 + "}", "got far more"),
        ("config.json", '{"model_type": "hubert", "layer_norm_eps": NaN}', "layer_norm_eps"),
        ("config.json", '{"model_type": 5}', "model_type"),
        ("config.json", '{"model_type": "hubert", "architectures": 5}', "architectures"),
        ("config.json", '{"model_type": "hubert", "num_attention_heads": -1}', "num_attention_heads"),
        ("config.json", '{"model_type": "hubert", "mask_time_length": 1000000}', "mask_time_length"),
        ("config.json", '{"model_type": "hubert", "conv_dim": [' + "9," * 999_999 + "9]}", "conv_dim has 1,000,000"),
        ("config.json", '{"model_type": "hubert", "pad_token_id": [' + "9," * 999_999 + "9]}", "20,000 are the most"),
        ("config.json", "[1]", "expected a JSON object"),
        ("preprocessor_config.json", '{"sampling_rate": 1000000000000}', "sampling_rate"),
        ("preprocessor_config.json", '{"sampling_rate": 0}', "sampling_rate"),
        ("preprocessor_config.json", '{"sampling_rate": "16000"}', "expected a number"),
    ],
)
def test_hostile_settings_end_in_a_sentence(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    folder = Path(tiny_checkpoint("hubert-group", tmp_path))
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=sentence) as refused:
        load_adapter(str(folder))
    assert name in str(refused.value)
    assert len(str(refused.value)) < 600
