"""Recipes in JSON and YAML are data; code of one's own runs only when the command line names its file."""

from __future__ import annotations

import json

import pytest

from audio_ft.cleaning.step import Step
from audio_ft.cli import main as cli
from audio_ft.cli.recipe_files import read_recipe
from audio_ft.data import Data
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe

YAML = """
model: openai/whisper-tiny.en
data: {path: recordings, target: word}
group: speaker
task: classification
epochs: 3
lr: 1.0e-4
chain: [{step: Resample}, {step: Mono}]
text: {language: fr}
"""
STEP = """
from dataclasses import dataclass
from audio_ft.cleaning.step import Step

@dataclass(frozen=True)
class HalveForTest(Step):
    version = 1
    def __call__(self, clip):
        return clip.replace(samples=clip.samples * 0.5) if hasattr(clip, "replace") else clip
    def describe(self):
        return "halved"
"""


def test_yaml_and_json_give_the_recipe_of_the_same_settings(tmp_path):
    (tmp_path / "recipe.yaml").write_text(YAML)
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.data == Data(path="recordings", target="word", group="speaker")
    assert recipe.training == {"num_train_epochs": 3, "learning_rate": 1e-4}
    assert recipe.text.language == "fr"
    assert [type(step).__name__ for step in recipe.steps.steps] == ["Resample", "Mono"]
    (tmp_path / "mine.json").write_text(json.dumps({"model": "openai/whisper-tiny.en", "data": "recordings"}))
    assert read_recipe(tmp_path / "mine.json") == Recipe(model="openai/whisper-tiny.en", data="recordings")
    recipe.save(tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == recipe


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.yaml", "model: m", "needs the setting 'data'"),
        ("a.yaml", "data: d", "needs the setting 'model'"),
        ("a.yaml", "- model", "expected settings by name"),
        ("a.yaml", "model: [", "not valid YAML"),
        ("a.yaml", "model: m\ndata: d\nseed: -1", "seed: expected"),
        ("a.json", "{", "a.json"),
        ("a.json", f'{{"seed": {"9" * 6_000}}}', r"a.json: not valid JSON \(a number has thousands of digits\)"),
        ("a.yaml", f"seed: {'9' * 6_000}", r"a.yaml: not valid YAML \(a number has thousands of digits\)"),
        ("a.yaml", f"seed: {'[' * 5_000}", "not valid YAML .nested too deep"),
        ("a.yaml", "seed: 2026-13-45", "not valid YAML .month must be in 1..12"),
        # A tag of YAML that would make PyYAML's full loader call a function.
        ("a.yaml", "model: !!python/object/apply:os.system ['touch RAN']\ndata: d", "not valid YAML"),
        ("a.yaml", "model: m\ndata: d\nchain: [{step: HalveForNobody}]", r"import the file that defines it"),
    ],
)
def test_what_is_wrong_in_a_file_of_settings_is_said(tmp_path, monkeypatch, name, content, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_recipe(tmp_path / name)
    assert not (tmp_path / "RAN").exists()


def test_code_of_ones_own_runs_where_its_file_is_named_and_nowhere_else(tmp_path, capsys):
    from audio_ft.audio.clip import Clip, write

    write(Clip.tone(300, 0.3), tmp_path / "a.wav")
    (tmp_path / "mine.py").write_text(STEP)
    (tmp_path / "recipe.yaml").write_text("model: m\ndata: d\nchain: [{step: Mono}, {step: HalveForTest}]\n")
    words = ["clean", str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "--recipe", str(tmp_path / "recipe.yaml")]
    assert cli.main(words) == 2
    assert "--code FILE.py" in capsys.readouterr().err
    try:
        assert cli.main([*words, "--code", str(tmp_path / "mine.py")]) == 0
        assert "halved" in capsys.readouterr().err
    finally:
        Step._registry.pop("HalveForTest", None)


@pytest.mark.parametrize(
    ("content", "sentence"), [("x = ", "bad.py"), ("import nothing_of_that_name", "line 1"), (None, "no such file")]
)
def test_a_mistake_in_ones_own_code_is_one_sentence(tmp_path, content, sentence, capsys):
    if content is not None:
        (tmp_path / "bad.py").write_text(content)
    assert cli.main(["clean", "a.wav", "b.wav", "--code", str(tmp_path / "bad.py")]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1
