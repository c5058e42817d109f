"""Leaks before training: refused in splits of the data, kept together in those made here, recorded where allowed."""

import json
import shutil

import pytest
from checkpoints import WORDS, kept_checkpoint

import audio_ft as aft
from audio_ft.audio.clip import Clip, read, write
from audio_ft.cli import main as cli
from audio_ft.data import Data, load
from audio_ft.data.parts.same_recording import hidden_key
from audio_ft.redaction import redact_run
from audio_ft.reporting.card import model_card
from audio_ft.reporting.record import leaks_text
from audio_ft.training.setup import prepare

CARD = {"intended_use": "a test", "limits": "many", "consent": "given"}


@pytest.fixture
def words(tmp_path):
    """Return shipped words of two classes in the splits of their makers, with three test clips in train, changed."""
    return planted(tmp_path, given=True)


def planted(tmp_path, *, given):
    loaded = load(Data(WORDS, limit=12))
    kinds = sorted(set(loaded.splits["train"]["target"]))[:2]
    rows = []
    for split, table in loaded.splits.items():
        for row in table:
            if row["target"] in kinds:
                rows.append((row["audio"]["path"], row["target"], split, row["group"]))
    (tmp_path / "words").mkdir()
    lines = ["file_name,label,speaker" + ",split" * given]
    for number, (source, target, split, group) in enumerate(rows):
        shutil.copy(source, tmp_path / "words" / f"{number}.ogg")
        lines.append(f"{number}.ogg,{target},{group}" + f",{split}" * given)
    tests = [number for number, row in enumerate(rows) if row[2] == "test"][:3]
    for number in tests:
        clip = read(str(tmp_path / "words" / f"{number}.ogg"))
        quiet = clip.samples[:, 400:] * 0.3
        write(Clip(quiet, clip.rate), tmp_path / "words" / f"copy{number}.mp3")
        lines.append(f"copy{number}.mp3,{rows[number][1]},copied" + ",train" * given)
    (tmp_path / "words" / "metadata.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "words", [f"{number}.ogg" for number in tests]


def recipe(folder, **settings):
    model = kept_checkpoint("wav2vec2-group")
    return aft.Recipe(model=model, data=Data(str(folder)), training={"max_steps": 1}, **settings)


def test_splits_of_the_data_that_leak_are_refused(words, tmp_path):
    folder, tests = words
    lines = []
    with pytest.raises(aft.InputError, match=r"3 recordings of test are in train too: 3 re-enc.*--allow-leaks"):
        aft.train(recipe(folder), tmp_path / "run", log=lines.append)
    pairs = [line for line in lines if line.startswith("leak  ")]
    assert len(pairs) == 3
    assert all(any(f"test: {key} = train: copy{key[:-4]}.mp3" in line for line in pairs) for key in tests)
    assert not (tmp_path / "run").exists()


def test_splits_made_here_keep_copies_together(tmp_path):
    folder, tests = planted(tmp_path, given=False)
    families = {(f"{key[:-4]}.ogg", f"copy{key[:-4]}.mp3") for key in tests}

    def split_of(data):
        return {key: name for name, table in load(data).splits.items() for key in table["key"]}

    def parted(data):
        found = split_of(data)
        return any(found[one] != found[other] for one, other in families)

    data = next(data for seed in range(20) if parted(data := Data(str(folder), seed=seed)))
    lines = []
    made = prepare(recipe(folder).replace(data=data), lines.append)
    assert not made.certificate.leaks
    assert {frozenset(keys) for keys in made.recipe.data.together} == {frozenset(keys) for keys in families}
    # Every later reading of the data makes the same splits, and so does a recipe that was published.
    assert not parted(made.recipe.data)
    published = made.recipe.data.replace(
        together=[[hidden_key(key) for key in keys] for keys in made.recipe.data.together]
    )
    assert split_of(published) == split_of(made.recipe.data)
    assert any(line.startswith("copies      6 recordings hold the same sound as others") for line in lines)


def test_an_allowed_leak_is_recorded_with_the_score_of_the_rest(words, tmp_path, capsys):
    folder, tests = words
    run = aft.train(recipe(folder, allow_leaks=True, **CARD), tmp_path / "run")
    assert {pair["other_key"] for pair in run.leaks["pairs"]} == set(tests)
    whole, rest = run.scores["test"]["accuracy"], run.without_leaks["accuracy"]
    assert rest.n == whole.n - 3
    card = model_card(run)
    assert "> **The splits leak.** 3 recordings of the test split are in train or validation too" in card
    assert f"Without the clips that leak: Accuracy {rest} ({rest.n} clips)" in card
    assert not any(key in card for key in tests)
    assert aft.Run.load(run.folder).without_leaks == run.without_leaks
    assert leaks_text(run)[0].startswith("3 recordings")
    published = redact_run(run)
    assert not any(key in json.dumps(published.to_dict()["leaks"]) for key in tests)
    assert leaks_text(published) == leaks_text(run)
    arguments = ["evaluate", str(run.folder), str(folder), "--split", "train", "--json"]
    assert cli.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert {pair["other_key"] for pair in found["leaks"]["pairs"]} >= set(
        load(Data(str(folder))).splits["train"]["key"]
    )
    assert found["scores_without_leaks"] == {}
    assert found["split_of_run"] == "train"


def test_folds_that_leak_are_scored_without_the_leaks_too(words, tmp_path):
    folder, tests = words
    table = (folder / "metadata.csv").read_text().replace(",train", ",1").replace(",validation", ",1")
    (folder / "metadata.csv").write_text(table.replace(",test", ",2").replace(",split", ",fold"))
    folds = Data(str(folder), folds="fold")
    lines = []
    run = aft.cross_validate(
        recipe(folder, allow_leaks=True).replace(data=folds), tmp_path / "run", report=lines.append
    )
    leaked = {pair[side] for pair in run.leaks["pairs"] for side in ("key", "other_key")}
    assert leaked == {*tests, *(f"copy{key[:-4]}.mp3" for key in tests)}
    assert run.without_leaks["accuracy"].n == run.scores["test"]["accuracy"].n - len(leaked)
    assert any(line.startswith("without leaks") for line in lines)
    assert leaks_text(run)[0].startswith("6 recordings of the test split")
