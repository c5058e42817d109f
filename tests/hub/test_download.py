"""A pushed model gives the same scores with audio_ft and with plain transformers, with and without a network."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jiwer
import pandas
import pytest
from checkpoints import WORDS, fetched_whisper, speech, tiny_checkpoint
from forked import COMMAND, in_fork
from hub_server import connected, settings
from hub_store import Fault

from audio_ft import Data, Recipe, evaluate, load
from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub.push import push
from audio_ft.run import Run
from audio_ft.training.train import train

CARD_FIELDS = {"intended_use": "Commands.", "limits": "English.", "consent": "Given."}
# Prints the predictions of audio_ft and of plain transformers for the test clips, and the scores of the command line.
PARITY_SCRIPT = """
import json, sys
import audio_ft as aft
from audio_ft.cli.main import main
from audio_ft.audio.pcm16 import quantize, dequantize
from transformers import pipeline
kind, repository, data, *files = sys.argv[1:]
model = aft.load(repository)
ours = model(files)
classify = pipeline(kind, repository)
rate = classify.feature_extractor.sampling_rate
# In 16 bits, as audio_ft passes it to the model: the scores of tiny random networks show the difference.
waves = [dequantize(*quantize(model.chain(aft.read(file)).samples[0])) for file in files]
waves = [{"raw": wave, "sampling_rate": rate} for wave in waves]
if kind == "audio-classification":
    plain = [{one["label"]: one["score"] for one in classify(wave, top_k=None)} for wave in waves]
else:
    plain = [classify(wave)["text"].strip() for wave in waves]
    ours = [prediction["text"] for prediction in ours]
print(json.dumps([ours, plain]), flush=True)
sys.exit(main(["evaluate", repository, data, "--split", "test", "--json"]))
"""


def run_python(hub, cache: Path, program: str, *arguments: str, **more: str) -> str:
    """Return what a program prints in a process of its own that has an empty cache and only the Hub's address."""
    environment = settings(hub, cache) | more
    trains = "train" in arguments
    outcome = in_fork(program, *arguments, environment=environment, folder=cache.parent, trains=trains)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def pushed(run: Run | Path, repository: str = "me/words", **options) -> Run:
    run = run if isinstance(run, Run) else Run.load(run)
    push(replace(run, recipe=replace(run.recipe, **CARD_FIELDS)), repository, **options)
    return run


def round_trip(recipe: Recipe, kind: str, hub, folder: Path) -> tuple[list, list, pandas.DataFrame]:
    """Train, push, and return what audio_ft and plain transformers predict for the test clips in another process.

    Check that the command line there prints the scores of the run.
    """
    train(recipe, folder / "run")
    with connected(hub, folder / "ours"):
        run = pushed(folder / "run")
    table = pandas.read_parquet(folder / "run" / "predictions.parquet")
    table = table[table["split"] == "test"]
    data = recipe.data.path
    files = [str(Path(data) / file) for file in table["file"]]
    first, second = run_python(hub, folder / "cache", PARITY_SCRIPT, kind, "me/words", data, *files).splitlines()
    scores = json.loads(second)["scores"]
    assert scores.keys() == run.scores["test"].keys()
    for score, about in scores.items():
        assert about == pytest.approx(run.scores["test"][score].to_dict(), abs=1e-6), score
    assert not hub.tokens_at_storage
    return *json.loads(first), table


# What differs between architectures, every training compares with plain transformers before it is done.
@pytest.mark.parametrize("name", [pytest.param("wav2vec2-group", marks=pytest.mark.slow),
                                  pytest.param("hubert-layer", marks=pytest.mark.slow), "whisper"])  # fmt: skip
def test_pushed_classifier_scores_the_same_with_plain_transformers(name, hub, tmp_path):
    # A probe of random layers, whose values hardly differ, has weights that multiply what float32 rounds.
    recipe = Recipe(
        model=tiny_checkpoint(name, tmp_path / "checkpoint"),
        probe=False,
        data=Data(path=WORDS, limit=16),
        training={"max_steps": 2, "per_device_train_batch_size": 8, "learning_rate": 1e-2},
    )
    all_ours, all_plain, table = round_trip(recipe, "audio-classification", hub, tmp_path)
    for ours, plain in zip(all_ours, all_plain, strict=True):
        assert plain == pytest.approx(ours, abs=1e-4)
    assert accuracy(all_ours, table) == accuracy(all_plain, table)


def accuracy(predictions: list[dict[str, float]], table: pandas.DataFrame) -> float:
    chosen = [max(prediction, key=prediction.get) for prediction in predictions]
    return sum(one == other for one, other in zip(chosen, table["reference"], strict=True)) / len(chosen)


def test_pushed_ctc_model_transcribes_the_same_with_plain_transformers(hub, tmp_path):
    recipe = Recipe(
        model=tiny_checkpoint("wav2vec2-layer", tmp_path / "checkpoint"),
        data=Data(path=WORDS, target="label", limit=16),
        task="transcription",
        training={"max_steps": 2, "per_device_train_batch_size": 8},
    )
    ours, plain, table = round_trip(recipe, "automatic-speech-recognition", hub, tmp_path)
    assert ours == plain
    assert any(ours)
    assert jiwer.wer(list(table["reference"]), ours) > 0


@pytest.mark.real
@pytest.mark.slow  # of the default tests, tests/tasks/test_whisper.py compares Whisper with the plain pipeline
def test_pushed_whisper_transcribes_the_same_with_plain_transformers(hub, tmp_path, shared):
    recipe = Recipe(
        model=fetched_whisper(shared, "whisper-tiny.en"),
        data=Data(path=str(shared / "data" / "prompts_asr"), where=("language=en",), limit=3),
        task="transcription",
        training={"max_steps": 1, "per_device_train_batch_size": 2},
    )
    ours, plain, table = round_trip(recipe, "automatic-speech-recognition", hub, tmp_path)
    references = [text.lower() for text in table["reference"]]
    scores = [jiwer.wer(references, [text.lower() for text in texts]) for texts in (ours, plain)]
    assert scores[0] == scores[1] < 0.5


def test_downloaded_model_predicts_like_the_run_also_without_a_network(hub, tmp_path, small_run):
    clip = (speech(16_000), 16_000)
    with connected(hub, tmp_path / "cache") as patch:
        pushed(small_run, predictions=True)
        expected = load(small_run)(clip)
        model = load("me/words")
        assert model(clip) == expected
        assert not (model.folder / "predictions.parquet").exists()
        assert Run.load(model.folder).scores == Run.load(small_run).scores
        before = len(hub.requests)
        load("me/words")
        assert "fetch" not in hub.kinds()[before:]
        from huggingface_hub import constants

        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        before = len(hub.requests)
        assert load("me/words")(clip) == expected
        assert len(hub.requests) == before
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub.front.server_close()
        hub.front.shutdown()
        assert load("me/words")(clip) == expected
    assert not hub.tokens_at_storage


def test_command_line_predicts_with_and_fine_tunes_a_pushed_model(hub, tmp_path, small_run):
    with connected(hub, tmp_path / "ours"):
        pushed(small_run)
    file = str(next(Path(WORDS).rglob("*.ogg")))
    cache = tmp_path / "cache"
    predict = [COMMAND, "predict", "me/words", file, "--json", "--precision", "float32"]
    prediction = json.loads(run_python(hub, cache, *predict))
    again = run_python(hub, cache, *predict, HF_HUB_OFFLINE="1")
    assert json.loads(again) == prediction
    assert prediction["labels"] == pytest.approx(load(small_run)(file), abs=1e-5)
    words = ["train", "--model", "me/words", "--data", WORDS, "--output-dir", str(tmp_path / "second"), "--quiet"]
    words += ["--set", "data.limit=16", "--set", "max_steps=1", "--set", "per_device_train_batch_size=8"]
    run_python(hub, cache, COMMAND, *words)
    assert Run.load(tmp_path / "second").recipe.model == "me/words"


def test_card_report_and_compare_download_no_weights(hub, tmp_path, small_run, capsys, monkeypatch):
    from audio_ft.cli.main import main

    monkeypatch.chdir(tmp_path)
    with connected(hub, tmp_path / "ours"):
        pushed(small_run, predictions=True)
        pushed(small_run, "me/silent")
        sent = hub.repo().main.files["README.md"][0].decode()
    with connected(hub, tmp_path / "cache") as patch:
        from huggingface_hub import constants

        assert main(["card", "me/words"]) == 0
        assert capsys.readouterr().out == sent
        assert main(["compare", "me/words@main", str(small_run), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["difference"] == 0
        assert main(["report", "me/words", "--no-audio"]) == 0
        assert capsys.readouterr().out.startswith("words.html (")
        kept = {file.name for file in (tmp_path / "cache").rglob("snapshots/*/*")}
        assert kept == {"chain.json", "config.json", "run.json", "predictions.parquet"}
        for words in (["report", "me/silent"], ["compare", str(small_run), "me/silent"]):
            assert main(words) == 2
            error = capsys.readouterr().err
            assert "me/silent has no predictions.parquet" in error
            assert "`audio-ft push RUN me/silent --predictions`" in error
        assert main(["report", str(tmp_path / "nowhere")]) == 2
        assert "There is no folder" in capsys.readouterr().err
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(InputError, match="me/words is neither a local folder nor complete in the cache"):
            load("me/words")
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        assert load("me/words").chain == load(small_run).chain
        repo = hub.repo()
        held = {name: file for name, file in repo.main.files.items() if name not in ("run.json", "model.safetensors")}
        repo.add("refs/heads/main", "bare", held, repo.main.oid)
        assert main(["card", "me/words"]) == 2
        assert "me/words has no run.json" in capsys.readouterr().err
        with pytest.raises(InputError, match="me/words has no weights"):
            load("me/words")


def test_revision_selects_branch_or_commit(hub, tmp_path, small_run):
    with connected(hub, tmp_path / "cache"):
        pushed(small_run)
        repo = hub.repo()
        older = repo.main.oid
        repo.refs["refs/heads/v2"] = older
        other = dict(repo.main.files)
        chain = json.loads(other["chain.json"][0])
        other["chain.json"] = (json.dumps(chain | {"steps": chain["steps"][:2]}).encode(), False)
        repo.add("refs/heads/main", "shorter", other, older)
        assert len(load("me/words").chain.steps) == 2
        assert len(load("me/words", revision="v2").chain.steps) == len(chain["steps"])
        assert len(load("me/words@v2").chain.steps) == len(chain["steps"])
        assert len(load(f"me/words@{older}").chain.steps) == len(chain["steps"])
        with pytest.raises(InputError, match="no branch, tag or commit 'v9'"):
            load("me/words", revision="v9")


def test_data_folder_of_the_same_name_counts_as_the_training_data(hub, tmp_path, small_run, capsys):
    from audio_ft.cli.main import main

    shutil.copytree(WORDS, tmp_path / "copy" / "words")
    with connected(hub, tmp_path / "cache"):
        run = pushed(small_run)
        assert main(["evaluate", "me/words", str(tmp_path / "copy" / "words"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["scores"]["accuracy"]["n"] == run.scores["test"]["accuracy"].n
    assert "has the name of the training data of me/words" in err
    model = load(small_run)
    whole = evaluate(model, Data(path=str(tmp_path / "copy" / "words")))
    assert whole.n > run.scores["test"]["accuracy"].n


@pytest.mark.parametrize(("token", "message"), [
    ("", r"There is no folder me/words, and no model of that name on the Hub that is public \(if it is private"),
    ("hf_other", "There is no folder me/words, and no model of that name on the Hub that the logged-in account"),
    ("hf_stranger", r"the token is not valid \(401: Invalid credentials"),
])  # fmt: skip
@pytest.mark.parametrize("there", [True, False])
def test_missing_repository_or_access_is_explained(there, token, message, hub, tmp_path):
    if there:
        hub.make("me/words", private=True)
    with connected(hub, tmp_path / "cache", token), pytest.raises(AudioFTError, match=message):
        load("me/words")


def test_gated_repository_says_where_to_request_access(hub, tmp_path, small_run):
    with connected(hub, tmp_path / "cache"):
        pushed(small_run)
        hub.repo().gated = True
        assert load("me/words")
    for token in ("", "hf_other"):
        with connected(hub, tmp_path / f"cache of {token}", token), pytest.raises(InputError) as caught:
            load("me/words")
        assert f"request access at {hub.front.url}/me/words" in str(caught.value)


def test_model_of_another_tool_is_not_downloaded(hub, tmp_path):
    repo = hub.make("me/bert")
    files = {"config.json": (b'{"model_type": "bert"}', False), "model.safetensors": (b"x" * 1000, True)}
    repo.add("refs/heads/main", "bert", files, repo.main.oid)
    with connected(hub, tmp_path / "cache"), pytest.raises(InputError, match=r"'bert' model; audio_ft fine-tunes"):
        load("me/bert")
    assert "fetch" not in hub.kinds()


def test_missing_model_while_offline_is_explained(hub, tmp_path):
    with connected(hub, tmp_path / "cache") as patch:
        from huggingface_hub import constants

        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(InputError, match="run this once without HF_HUB_OFFLINE"):
            load("me/words")
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(AudioFTError, match="me/words is neither a local folder nor complete in the cache, and"):
            load("me/words")
    for name in ("me/words/more", "words", "a b/c", "../x"):
        with pytest.raises(InputError, match="There is no folder"):
            load(name)


@pytest.mark.parametrize("fault", [Fault("resolve", 500), Fault("fetch", 500), Fault("fetch", drop="before"),
                                   Fault("tree", 500), Fault("info", drop="before")], ids=str)  # fmt: skip
def test_failed_download_is_explained_and_works_the_next_time(fault, hub, tmp_path, small_run):
    with connected(hub, tmp_path / "cache"):
        pushed(small_run)
        hub.faults.append(replace(fault))
        with pytest.raises(AudioFTError) as caught:
            load("me/words")
        assert "me/words" in str(caught.value)
        assert "\n" not in str(caught.value)
        hub.faults.clear()
        assert load("me/words").chain == load(small_run).chain


def test_interrupted_download_is_retried(hub, tmp_path, small_run):
    with connected(hub, tmp_path / "cache"):
        pushed(small_run)
        hub.faults.append(Fault("fetch", drop="half", times=1))
        assert load("me/words")
        assert hub.kinds().count("fetch") == 2
