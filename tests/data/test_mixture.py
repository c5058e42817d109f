"""Several sources in one training: rows, keys, groups and labels of each, how often they are drawn, what is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from checkpoints import WORDS, kept_checkpoint
from tables import write_rows

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.cli import main as cli
from audio_ft.data import Loaded, load
from audio_ft.redaction import redact_recipe
from audio_ft.targets import Transcript

SPLITS = {"train": 12, "validation": 4, "test": 4}


def source(folder: Path, words: tuple[str, ...] = ("yes", "no"), start: int = 0, **cells: Any) -> Data:
    """Write a source: shipped recordings of two words, with speakers and other columns, split by its table."""
    rows = []
    for split, count in SPLITS.items():
        for word in words:
            found = sorted((Path(WORDS) / split).glob(f"*_{word}.ogg"))[start : start + count // len(words)]
            for path in found:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / path.name)
                speaker = path.name[:4]
                rows.append({"file_name": path.name, "label": word, "split": split, "speaker": speaker, **cells})
    return Data(str(write_rows(folder / "metadata.csv", rows).parent))


def joined(*sources: Any, **settings: Any) -> Data:
    return Data.accept(list(sources)).replace(**settings)


def rows_of(loaded: Loaded, split: str = "train") -> list[dict[str, Any]]:
    return [row | json.loads(row["meta"]) for row in loaded.splits[split].remove_columns("audio")]


def test_each_source_keeps_its_splits_and_names_its_rows(tmp_path: Path) -> None:
    one, two = source(tmp_path / "one"), source(tmp_path / "two", ("up", "down"))
    both = load(joined(one, two))
    for split in SPLITS:
        alone = [(f"{name}/{row['key']}", f"{name}/{row['group']}", row["target"], name)
                 for name, data in (("one", one), ("two", two)) for row in rows_of(load(data), split)]  # fmt: skip
        assert [(row["key"], row["group"], row["target"], row["source"]) for row in rows_of(both, split)] == alone
    assert both.target.names == ("down", "no", "up", "yes")
    assert "no clip of one has the labels down, up" in both.warnings
    assert {name: facts["clips"] for name, facts in both.sources.items()} == {"one": SPLITS, "two": SPLITS}
    assert both.draws is None


def test_splits_made_here_are_those_of_each_source_alone() -> None:
    made = Data(WORDS, splits={"train": "train"}, limit=60)
    both = load(joined(made, made.replace(seed=1)))
    alone = load(made)
    for split, rows in alone.splits.items():
        own = [key for key in both.splits[split]["key"] if key.startswith("words/")]
        assert own == [f"words/{key}" for key in rows["key"]]
    assert any("recordings in several sources" in warning for warning in both.warnings)


def test_weights_and_temperature_say_how_often_rows_are_drawn(tmp_path: Path) -> None:
    one, two = source(tmp_path / "one"), source(tmp_path / "two", ("up",))
    weighted = load(joined(one, two.replace(weight=3)))
    assert weighted.sources["two"]["share"] == pytest.approx(3 * 12 / (12 + 3 * 12))
    few = joined(one, two.replace(limit=3))
    assert load(few).sources["two"]["share"] == pytest.approx(3 / 15)
    even = load(few.replace(temperature=1_000_000))
    assert even.sources["two"]["share"] == pytest.approx(0.5, abs=1e-4)
    assert even.draws is not None
    assert even.draws.mean() == pytest.approx(1)


def test_temperature_is_by_language_where_clips_have_one(tmp_path: Path) -> None:
    one = source(tmp_path / "one", lang="fr")
    two = source(tmp_path / "two", ("up", "down"), lang="fr")
    three = source(tmp_path / "three", ("go",))
    data = joined(one, two, three.replace(language="it"), language_column="lang", temperature=1_000_000)
    found = load(data)
    assert [row["language"] for row in rows_of(found)] == ["fr"] * 24 + ["it"] * 12
    assert found.sources["three"]["share"] == pytest.approx(0.5, abs=1e-4)
    assert found.draws is not None
    with pytest.raises(InputError, match="the data has neither"):
        load(one.replace(temperature=2))


def test_settings_of_the_whole_hold_for_sources_without_their_own(tmp_path: Path) -> None:
    one, two = source(tmp_path / "one"), source(tmp_path / "two", ("up", "down"))
    found = load(joined(one, two.replace(group="split"), group="", limit=4))
    assert Counter(row["source"] for row in rows_of(found)) == {"one": 4, "two": 4}
    assert {row["group"] for row in rows_of(found)} == {None, "two/train"}
    few = joined(one.replace(limit=8), two, limit=6).with_limit(4)
    assert Counter(row["source"] for row in rows_of(load(few))) == {"one": 4, "two": 4}


def test_a_recording_of_one_source_in_the_test_of_another_is_a_leak(tmp_path: Path) -> None:
    one = source(tmp_path / "one")
    two = source(tmp_path / "two", ("up", "down"))
    shutil.copy(tmp_path / "one" / load(one).splits["train"]["key"][0], tmp_path / "two" / "again.ogg")
    table = tmp_path / "two" / "metadata.csv"
    table.write_text(f"{table.read_text()}again.ogg,up,test,nobody\n")
    recipe = Recipe(model=kept_checkpoint("wav2vec2-group"), data=joined(one, two), training={"max_steps": 1})
    with pytest.raises(InputError, match="The splits leak"):
        aft.train(recipe, tmp_path / "run", log=lambda line: None)


def test_what_does_not_combine_is_refused_in_a_sentence(tmp_path: Path) -> None:
    one = source(tmp_path / "one", text="a b")
    spoken = one.replace(kind="transcript", target="text")
    with pytest.raises(InputError, match="expected one of labels, number, label"):
        load(joined(one, spoken))
    with pytest.raises(InputError, match=r"has a label and .* number|train on them apart"):
        load(joined(one, source(tmp_path / "two", take=3.5).replace(target="take", kind="number")))
    with pytest.raises(InputError, match=r"data\.folds is for a single source"):
        joined(one, one, folds=3)
    with pytest.raises(InputError, match=r"data\.streaming is for all sources"):
        joined(one.replace(streaming=True), one)
    with pytest.raises(InputError, match="has sources itself"):
        joined(one, joined(one, one))
    with pytest.raises(InputError, match=r"data\.weight is for one of several sources"):
        load(one.replace(weight=2))
    weighted = joined(one, source(tmp_path / "three", ("up",)).replace(weight=2))
    recipe = Recipe(model=kept_checkpoint("wav2vec2-group"), data=weighted, sampling="over")
    with pytest.raises(InputError, match="so does sampling=over"):
        aft.train(recipe, tmp_path / "run")


def test_a_recipe_of_several_sources_is_saved_and_published(tmp_path: Path) -> None:
    one, two = source(tmp_path / "one"), source(tmp_path / "two", ("up", "down"))
    data = [one.replace(license="cc0", together=(("a", "b"),)), {"path": two.path, "weight": 2, "license": "mit"}]
    recipe = Recipe(model="m", data=data)  # type: ignore[arg-type]
    assert (recipe.data.path, recipe.data.license) == (f"{one.path} + {two.path}", "cc0, mit")
    recipe.save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == recipe
    assert recipe.digest != Recipe(model="m", data=[one, two]).digest  # type: ignore[arg-type]
    public = redact_recipe(recipe.to_dict(), {})
    assert [each["path"] for each in public["data"]["sources"]] == ["one", "two"]
    assert public["data"]["path"] == "one + two"
    assert str(tmp_path) not in json.dumps(public)
    assert '"a"' not in json.dumps(public)
    # What a license says changes no weights, and a weight does.
    plain, weighted, free = [one], [one.replace(weight=2)], [one.replace(license="mit")]
    digests = [Recipe(model="m", data=data).digest for data in (plain, weighted, free)]  # type: ignore[arg-type]
    assert (digests[0] == digests[1], digests[0] == digests[2]) == (False, True)


def test_several_sources_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = source(tmp_path / "one"), source(tmp_path / "two", ("up", "down"))
    run = tmp_path / "run"
    words = ["train", "--model", kept_checkpoint("wav2vec2-group"), "--data", one.path, "--output-dir", str(run)]
    words += ["--data", json.dumps({"path": two.path, "weight": 2}), "--set", "max_steps=1", "--set", "probe=false"]
    assert cli.main(words) == 0
    out = capsys.readouterr()
    assert "two: train 12, validation 4, test 4; 67% of the training clips drawn, weight 2" in out.err + out.out
    found = aft.Run.load(run)
    assert set(found.by) == {"source"}
    assert {name: scores["accuracy"].n for name, scores in found.by["source"].items()} == {"one": 4, "two": 4}
    assert found.data["sources"]["two"]["weight"] == 2
    # One of the sources is evaluated in the splits that it had in the training.
    assert cli.main(["evaluate", str(run), two.path, "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["scores"]["accuracy"]["value"] == found.by["source"]["two"]["accuracy"].value
    told = ["--set", "intended_use=a", "--set", "limits=b", "--set", "consent=c", "--set", "license=mit"]
    assert cli.main(["card", str(run), *told]) == 0
    card = capsys.readouterr().out
    assert re.search(r"### Scores by source\n\n\| source .*\n.*\n\| `one` \| 4 \| .*\n\| `two` \| 4 \|", card)
    assert "`one + two` (local recordings)" in card
    assert cli.main(["train", *words[1:5], "--output-dir", str(run), "--data", "{nothing"]) == 2
    assert "expected a place, or JSON" in capsys.readouterr().err


def test_transcripts_of_sources_are_read_by_their_own_columns(tmp_path: Path) -> None:
    one, two = source(tmp_path / "one", text="a"), source(tmp_path / "two", sentence="b")
    found = load(joined(one, two), targets=(Transcript,))
    assert found.column == "text or sentence"
    assert Counter(row["target"] for row in rows_of(found)) == {"a": 12, "b": 12}
