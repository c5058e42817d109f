"""A push is believed only when the repository says so: servers that lose, forget, lack and die."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints import WORDS, tiny_checkpoint
from hub_runs import CARD_FIELDS, MODEL_FILES
from hub_server import connected
from hub_store import Fault

from audio_ft import Data, Recipe
from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub.push import check_before_training, push
from audio_ft.run import Run
from audio_ft.training.train import train

TRAINING = {"max_steps": 2, "save_steps": 1, "eval_steps": 1, "per_device_train_batch_size": 8, "hub_always_push": True}
UNTOLD = r"accepted the commit, but main of me/words does not hold what was sent: .*Run the same command again"


def holds(repo, run: Run) -> bool:
    """Return whether main has every file of a run, the weights and the chain as they are."""
    same = all(
        repo.files.get(name) == (run.model_folder / name).read_bytes() for name in ("model.safetensors", "chain.json")
    )
    return same and repo.files.keys() >= MODEL_FILES


@pytest.mark.parametrize(
    "lost", [("*",), ("chain.json", "recipe.json", "preprocessor_config.json"), ("*.safetensors",)]
)
def test_a_lost_commit_is_noticed_and_sent_again(lost, hub, online, run):
    hub.faults.append(Fault("commit", loses=lost))
    for _ in range(2):
        with pytest.raises(AudioFTError, match=UNTOLD) as caught:
            push(run, "me/words")
    assert f"{sorted(MODEL_FILES)[0] if lost == ('*',) else sorted(lost)[0].lstrip('*')} is missing" in str(
        caught.value
    )
    hub.faults.clear()
    assert push(run, "me/words").changed
    assert holds(hub.repo(), run)


@pytest.mark.parametrize(("content", "how"), [("same length", "has another content"), ("x", "has 1 of")])
def test_a_file_that_was_changed_on_the_way_is_noticed(content, how, hub, online, run):
    from hub_server import Front

    whole, chain = Front.apply, (run.model_folder / "chain.json").read_bytes()
    changed = b"x" * (1 if content == "x" else len(chain))

    def changing(self, files, key, value) -> None:
        whole(self, files, key, value)
        files["chain.json"] = (changed, False)

    online.setattr(Front, "apply", changing)
    with pytest.raises(AudioFTError, match=rf"does not hold what was sent: chain\.json {how}"):
        push(run, "me/words")
    online.setattr(Front, "apply", whole)
    assert push(run, "me/words").changed
    assert holds(hub.repo(), run)
    assert not push(run, "me/words").changed


@pytest.mark.parametrize("hashes", [True, False])
@pytest.mark.parametrize(
    "missing", ["allowed", "validate", "tree", "refs", "commits", "paths", "allowed validate tree refs"]
)
def test_a_server_that_lacks_routes_takes_a_run(missing, hashes, hub, online, run):
    hub.missing, hub.lists_hashes = set(missing.split()), hashes
    assert push(run, "me/words").changed
    assert holds(hub.repo(), run)
    if hashes:
        assert not push(run, "me/words").changed
        assert hub.repo().titles == ["Add small"]
    hub.repo().refs["refs/heads/v2"] = hub.repo().main.parent
    push(run, "me/words", revision="v2")
    assert hub.repo().at("v2").files.keys() >= MODEL_FILES
    hub.faults.append(Fault("commit", loses=("chain.json",)))
    with pytest.raises(AudioFTError, match=r"chain\.json is missing"):
        push(replace(run, created="later"), "me/other")


@pytest.mark.parametrize("kind", ["preupload", "commit", "batch"])
def test_a_missing_route_that_is_needed_is_not_a_missing_repository(kind, hub, online, run):
    hub.missing = {kind}
    with pytest.raises(AudioFTError, match=r"cannot do this \(POST .*404.*lacks a part of the Hub's API") as caught:
        push(run, "me/words")
    assert "there is no me/words" not in str(caught.value)
    assert "committed nothing" in str(caught.value)


def test_a_route_that_answers_like_a_missing_repository_is_not_believed(hub, online, run):
    hub.make("me/words")
    hub.faults.append(Fault("allowed", 404, headers={"X-Error-Code": "RepoNotFound"}))
    push(run, "me/words")
    assert holds(hub.repo(), run)


@pytest.mark.parametrize("deduplicates", [True, False])
@pytest.mark.parametrize("death", [
    Fault("commit", drop="before", dies=True), Fault("commit", drop="after", dies=True), Fault("noted", dies=True),
    Fault("put", drop="before", dies=True), Fault("preupload", drop="after", dies=True),
], ids=lambda fault: f"{fault.kind} {fault.drop}")  # fmt: skip
def test_the_same_command_finishes_what_a_dead_server_left(death, deduplicates, hub, online, run):
    hub.deduplicates = deduplicates
    hub.faults.append(replace(death, times=1))
    with pytest.raises(AudioFTError) as caught:
        push(run, "me/words")
    assert "committed nothing" in str(caught.value) or "Whether the commit arrived is unknown" in str(caught.value)
    hub.dead = False
    pushed = push(run, "me/words")
    assert pushed.changed == (death.kind != "commit" or death.drop != "after")
    assert holds(hub.repo(), run)
    assert hub.repo().titles == ["Add small"]


def test_contents_known_from_another_branch_are_sent_to_this_one(hub, online, run):
    hub.deduplicates = True
    repo = hub.make("me/words")
    repo.refs["refs/heads/training"] = repo.main.oid
    push(run, "me/words", revision="training")
    assert not repo.files
    push(run, "me/words")
    assert holds(repo, run)


def test_an_incomplete_main_of_an_earlier_push_is_completed(hub, online, run):
    push(run, "me/words")
    repo = hub.repo()
    lacking = {path: file for path, file in repo.main.files.items() if path not in ("chain.json", "recipe.json")}
    repo.add("refs/heads/main", "by an earlier audio_ft", lacking, repo.main.oid)
    push(run, "me/words")
    assert holds(repo, run)


def recipe_for(folder: Path, **training) -> Recipe:
    return Recipe(
        model=tiny_checkpoint("wav2vec2-group", folder / "checkpoint"),
        data=Data(path=WORDS, limit=16),
        training=TRAINING | training,
        push_to_hub="me/words",
        **CARD_FIELDS,
    )


@pytest.mark.parametrize("trouble", ["deduplicates", "lacks routes", "loses checkpoints", "dies before", "dies after"])
def test_training_with_checkpoints_ends_with_a_whole_run_on_main_or_an_error(trouble, hub, online, tmp_path):
    lines: list[str] = []
    folder = tmp_path / "run"
    if trouble == "deduplicates":
        hub.deduplicates = True
    if trouble == "lacks routes":
        hub.missing = {"allowed", "validate", "tree", "refs"}
    if trouble == "loses checkpoints":
        hub.faults.append(Fault("commit", loses=("chain.json",), times=2))
    if trouble.startswith("dies"):
        hub.faults.append(Fault("commit", drop=trouble.split()[1], dies=True, skip=1, times=1))
        with pytest.raises(AudioFTError, match=r"The training is done and the run in .* is complete, but it is not on"):
            train(recipe_for(tmp_path), folder, log=lines.append)
        hub.dead = False
        push(Run.load(folder), "me/words")
    else:
        train(recipe_for(tmp_path), folder, log=lines.append)
        assert lines[-1] == f"pushed      {hub.front.url}/me/words/commit/{hub.repo().main.oid}"
    assert holds(hub.repo(), Run.load(folder))
    warnings = [line for line in lines if "did not reach the Hub" in line]
    assert len(warnings) == (trouble.startswith(("loses", "dies")))
    if trouble == "loses checkpoints":
        assert "2 of 2 checkpoints did not reach the Hub" in warnings[0]
        assert "training of me/words does not hold what was sent: chain.json is missing" in warnings[0]
    assert not push(Run.load(folder), "me/words").changed


def test_a_server_without_branches_takes_the_run_but_no_checkpoints(hub, online, tmp_path):
    hub.missing = {"branch"}
    recipe = recipe_for(tmp_path)
    with pytest.raises(AudioFTError, match=r"cannot do this \(POST .*branch/training.*Nothing was trained yet"):
        check_before_training(recipe, "me/words")
    check_before_training(recipe.replace(training=TRAINING | {"hub_strategy": "end"}), "me/words")


def test_a_smoke_run_is_pushed_only_by_its_name(hub, online, run):
    smoke = replace(run, smoke=True, recipe=replace(run.recipe, data=Data(path="google/speech_commands")))
    with pytest.raises(InputError, match=r"is a smoke run, whose scores mean nothing.*--smoke"):
        push(smoke, "me/words")
    assert not hub.requests
    push(smoke, "me/words", smoke=True)
    files = hub.repo().files
    assert hub.repo().titles == ["Add smoke run small"]
    assert b"**Smoke run.**" in files["README.md"]
    assert b"model-index" not in files["README.md"]
    assert json.loads(files["run.json"])["smoke"]
    assert not any(path.startswith(".eval_results/") for path in files)


@pytest.mark.parametrize(("token", "repository", "message"), [
    ("hf_writer", "me/words", ""), ("hf_writer", "team/words", ""), ("hf_writer", "other/words", "may not create"),
    ("hf_writer", "readers/words", "may not create"), ("hf_reader", "me/words", "may not create"),
    ("hf_stranger", "me/words", "token is not valid"), ("hf_writer", "a b", "user/name"),
])  # fmt: skip
def test_a_smoke_run_checks_the_push_and_creates_nothing(token, repository, message, hub, tmp_path):
    recipe = Recipe(model="m", data="d", **CARD_FIELDS)
    with connected(hub, tmp_path, token):
        if message:
            with pytest.raises(AudioFTError, match=message):
                check_before_training(recipe, repository, create=False)
        else:
            check_before_training(recipe, repository, create=False)
        with pytest.raises(InputError, match="limits"):
            check_before_training(recipe.replace(limits=""), "me/words", create=False)
        assert not hub.repos
        hub.make("me/there")
        if token == "hf_writer":
            check_before_training(recipe, "me/there", create=False)
        assert list(hub.repo("me/there").refs) == ["refs/heads/main"]


def test_training_as_a_smoke_run_marks_it_and_says_that_it_is_not_pushed(hub, online, tmp_path):
    lines: list[str] = []
    run = train(recipe_for(tmp_path), tmp_path / "run", smoke=True, log=lines.append)
    assert Run.load(run.folder).smoke
    assert "push        could go to me/words; this is a smoke run, so nothing is pushed" in lines
    assert lines[-1].endswith("smoke run   data, model and settings fit together. Its scores mean nothing.")
    assert not hub.repos


def test_a_model_of_another_tool_is_still_refused(hub, online, run):
    repo = hub.make("me/bert")
    repo.add("refs/heads/main", "bert", {"config.json": (json.dumps({}).encode(), False)}, repo.main.oid)
    with pytest.raises(InputError, match="was not made with audio_ft"):
        push(run, "me/bert")
