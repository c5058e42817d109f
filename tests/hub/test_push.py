"""Pushing to a test server with the Hub's API: one commit or none, nothing private, one sentence for each error."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import forked
import pandas
import pytest
import soundfile
import yaml
from forked import Outcome
from hub_runs import CARD_FIELDS, MODEL_FILES
from hub_server import connected, settings
from hub_store import Fault

from audio_ft.cli import main as cli
from audio_ft.data import Data
from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub import errors
from audio_ft.hub.push import check_before_training, push
from audio_ft.recipe import Recipe
from audio_ft.run import Run


def command(hub, *words: str, token: str = "hf_writer", **more: str) -> Outcome:
    """Run audio-ft in another process, with the address of the test server in the environment."""
    environment = settings(hub, Path(os.environ["HF_HOME"]) / "hub", token) | more
    return forked.command(*words, environment=environment)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()
    }  # fmt: skip


def flags() -> list[str]:
    return [word for name, text in CARD_FIELDS.items() for word in ("--set", f"{name}={text}")]


def test_run_is_pushed_in_one_commit_and_stays_unchanged(small_run, hub):
    before = digests(small_run)
    outcome = command(hub, "push", str(small_run), "me/words", *flags())
    assert outcome.returncode == 0, outcome.stderr
    repo = hub.repo()
    assert outcome.stdout.strip() == f"{hub.front.url}/me/words/commit/{repo.main.oid}"
    assert repo.titles == ["Add small"]
    assert repo.files.keys() >= MODEL_FILES
    assert "predictions.parquet" not in repo.files
    assert not repo.private
    model = small_run / "model"
    for name in ("model.safetensors", "config.json", "preprocessor_config.json", "chain.json"):
        assert repo.files[name] == (model / name).read_bytes()
    assert json.loads(repo.files["recipe.json"])["consent"] == CARD_FIELDS["consent"]
    assert json.loads(repo.files["run.json"])["scores"] == json.loads((small_run / "run.json").read_text())["scores"]
    assert digests(small_run) == before
    assert not hub.tokens_at_storage


def test_dry_run_lists_the_files_and_sends_no_request(hub, run, online):
    outcome = command(hub, "push", str(run.folder), "me/words", "--dry-run", "--predictions", *flags(), token="")
    assert outcome.returncode == 0, outcome.stderr
    assert not hub.requests
    listed = [line.rsplit(maxsplit=2) for line in outcome.stdout.splitlines()]
    assert {line[0] for line in listed[:-1]} >= MODEL_FILES | {"predictions.parquet"}
    pushed = push(run, "me/words", predictions=True)
    assert [path for path, _ in pushed.files] == [line[0] for line in listed[:-1]]
    assert dict(pushed.files) == {path: len(content) for path, content in hub.repo().files.items()}
    assert listed[-1][1:] == [f"{sum(size for _, size in pushed.files) / 1e3:,.1f}", "kB"]


def test_local_paths_names_and_tokens_are_not_pushed(small_run, hub, online, tmp_path):
    home = tmp_path / "home" / "anna"
    (home / "clients" / "acme recordings").mkdir(parents=True)
    online.setenv("HOME", str(home))
    folder = tmp_path / "faraway" / "run"
    shutil.copytree(small_run, folder)
    table = pandas.read_parquet(folder / "predictions.parquet").assign(meta='{"age": 41}')
    table.loc[0, "file"] = str(home / "clients" / "lost" / "a.wav")
    table.loc[1, "file"] = str(Path.cwd() / "clients" / "f.wav")
    table.to_parquet(folder / "predictions.parquet")
    found = Run.load(folder)
    data = str(home / "clients" / "acme recordings")
    recipe = Recipe.from_dict(
        found.recipe.to_dict() | CARD_FIELDS | {
            "model": str(home / "models" / "mine"),
            "data": Data(path=data).to_dict(),
            "augment": [{"augment": "Noise", "folder": str(home / "noises" / "street")}],
            "training": {"deepspeed": str(home / "zero.json"), "num_train_epochs": 2},
            "limits": f"Made from {data}/a.wav and ~/notes/limits.txt, /m/09x0r excepted.",
        }
    )  # fmt: skip
    elsewhere = str(Path.cwd() / "clients" / "e.wav")
    unreadable = [["/mnt/anna/b.wav", "no audio"], ["c/d.wav", "damaged"], [elsewhere, "empty file"]]
    test = dict(found.splits["test"]) | {"unreadable": unreadable}
    overlap = "2 speaker_id values in both train and test (anna, bob): scores there flatter the model"
    warnings = [f"list.csv: paths are relative to {home}/clients/shelf", overlap]
    about = dict(found.data) | {"path": data, "group": "speaker_id", "warnings": warnings}
    config = json.loads((folder / "model" / "config.json").read_text())
    config |= {"_name_or_path": str(home / "models" / "mine"), "id2label": config["id2label"] | {"0": "/m/09x0r"}}
    (folder / "model" / "config.json").write_text(json.dumps(config))
    run = replace(found, recipe=recipe, data=about, splits=dict(found.splits) | {"test": test})
    push(run, "me/words", predictions=True)

    files = hub.repo().files
    for name, content in files.items():
        for secret in (b"anna", b"clients", b"hf_writer", b"faraway", str(tmp_path).encode()):
            assert secret not in content, f"{secret!r} in {name}"
    published = json.loads(files["run.json"])
    assert published["recipe"]["model"] == "mine"
    assert published["recipe"]["data"]["path"] == published["data"]["path"] == "acme recordings"
    assert published["recipe"]["augment"][0]["folder"] == "street"
    assert published["recipe"]["training"] == {"deepspeed": "zero.json", "num_train_epochs": 2}
    assert published["recipe"]["limits"] == "Made from acme recordings/a.wav and limits.txt, /m/09x0r excepted."
    named = [["b.wav", "no audio"], ["c/d.wav", "damaged"], ["e.wav", "empty file"]]
    assert published["splits"]["test"]["unreadable"] == named
    assert published["data"]["warnings"] == [
        "list.csv: paths are relative to shelf",
        overlap.replace(" (anna, bob)", ""),
    ]
    assert json.loads(files["recipe.json"]) == published["recipe"]
    sent = json.loads(files["config.json"])
    assert sent["_name_or_path"] == "mine"
    assert sent["id2label"]["0"] == "/m/09x0r"
    predictions = pandas.read_parquet(io.BytesIO(files["predictions.parquet"]))
    assert "meta" not in predictions
    assert list(predictions["file"][:2]) == ["a.wav", "f.wav"]
    assert list(predictions["file"][2:]) == list(table["file"][2:])


def test_scores_on_a_hub_data_set_are_pushed_as_eval_results(hub, online, run):
    push(replace(run, recipe=replace(run.recipe, data=Data(path="google/speech_commands"))), "me/words")
    results = [content for path, content in hub.repo().files.items() if path.startswith(".eval_results/")]
    assert b"google/speech_commands" in results[0]


def test_private_repository_is_private_or_an_error(hub, online, run):
    push(run, "me/words", private=True)
    assert hub.repo().private
    hub.make("me/open")
    with pytest.raises(InputError, match="already exists and is public"):
        push(run, "me/open", private=True)
    assert not hub.repo("me/open").files


def test_pull_request_leaves_the_main_branch_alone(hub, online, run):
    hub.make("other/words")
    pushed = push(run, "other/words", create_pr=True)
    assert pushed.url == f"{hub.front.url}/other/words/discussions/1"
    repo = hub.repo("other/words")
    assert not repo.files
    assert repo.at("refs/pr/1").files.keys() >= MODEL_FILES
    hub.make("me/words")
    push(run, "me/words", create_pr=True)
    push(replace(run, created="later"), "me/words", revision="refs/pr/1")
    assert json.loads(hub.repo().at("refs/pr/1").files["run.json"][0])["created"] == "later"
    assert not hub.repo().files
    with pytest.raises(InputError, match="against main"):
        push(run, "other/words", create_pr=True, revision="v2")
    with pytest.raises(InputError, match="does not exist"):
        push(run, "me/nothing", create_pr=True)
    assert ("model", "me/nothing") not in hub.repos


def test_branch_must_exist(hub, online, run):
    with pytest.raises(InputError, match="does not exist"):
        push(run, "me/words", revision="v2")
    assert not hub.repos
    repo = hub.make("me/words")
    with pytest.raises(InputError, match=r"no branch v2 \(it has main\).*hf repos branch create me/words v2"):
        push(run, "me/words", revision="v2")
    repo.refs["refs/heads/v2"] = repo.main.oid
    push(run, "me/words", revision="v2")
    assert not repo.files
    assert repo.at("v2").files.keys() >= MODEL_FILES


def test_pushing_again_changes_nothing_and_another_run_replaces_the_old_files(hub, online, run):
    first = push(run, "me/words", predictions=True)
    sent = hub.uploaded()
    again = push(run, "me/words", predictions=True)
    assert first.changed
    assert not again.changed
    assert again.commit == first.commit
    assert hub.uploaded() == sent
    repo = hub.repo()
    files = dict(repo.main.files) | {"LICENSE": (b"Apache", False), "model-00001-of-00002.safetensors": (b"old", True)}
    repo.add(
        "refs/heads/main",
        "by hand",
        files | {"last-checkpoint/optimizer.pt": (b"", True), "onnx/x.safetensors": (b"", True)},
        repo.main.oid,
    )
    push(run, "me/words")
    assert {"LICENSE", "onnx/x.safetensors"} <= repo.files.keys()
    assert not {"predictions.parquet", "last-checkpoint/optimizer.pt", "model-00001-of-00002.safetensors"} & {
        *repo.files
    }
    assert repo.titles == ["Add small", "by hand", "Add small"]


def test_model_of_another_tool_is_not_overwritten(hub, online, run):
    repo = hub.make("me/bert")
    repo.add("refs/heads/main", "bert", {"config.json": (b"{}", False)}, repo.main.oid)
    with pytest.raises(InputError, match="was not made with audio_ft"):
        push(run, "me/bert")
    push(run, "me/bert", create_pr=True)
    assert repo.titles == ["bert"]


def test_missing_card_field_is_reported_before_any_request(hub, online, small_run):
    with pytest.raises(InputError, match="intended_use"):
        push(Run.load(small_run), "me/words")
    assert not hub.requests


def test_language_unknown_to_the_hub_is_rejected_before_training(hub, online, run):
    recipe = replace(run.recipe, data=replace(run.recipe.data, language="German"))
    with pytest.raises(InputError, match=r"got 'german'; set data\.language=CODE"):
        check_before_training(recipe, "me/words")
    assert not hub.requests


def test_sample_audio_is_sent_as_clips_without_names_that_the_page_offers_to_try(small_run, hub):
    outcome = command(hub, "push", str(small_run), "me/words", "--sample-audio", "2", *flags())
    assert outcome.returncode == 0, outcome.stderr
    assert "2 test clips, published under the consent that the card states" in outcome.stderr
    files = hub.repo().files
    text = files["README.md"].decode()
    metadata = yaml.safe_load(text.split("---\n")[1])
    assert [Path(each["src"]).name for each in metadata["widget"]] == ["1.wav", "2.wav"]
    titles = {each["example_title"] for each in metadata["widget"]}
    assert len(titles) == 2
    assert titles <= set(Run.load(small_run).labels)
    for each in metadata["widget"]:
        path = each["src"].removeprefix(f"{hub.front.url}/me/words/resolve/main/")
        assert soundfile.info(io.BytesIO(files[path])).frames > 0
    assert "The 2 recordings in `sample_audio/` are test clips, published under this consent." in text
    # Whoever takes them back pushes without them.
    assert command(hub, "push", str(small_run), "me/words", *flags()).returncode == 0
    assert not any(path.startswith("sample_audio/") for path in hub.repo().files)
    assert b"widget" not in hub.repo().files["README.md"]


def test_recordings_are_not_published_without_consent_or_names(small_run, run, online, tmp_path, capsys):
    words = ["push", str(small_run), "me/words", "--dry-run", "--sample-audio", "1"]
    assert cli.main([*words, "--anonymize"]) == 2
    assert "--sample-audio publishes recordings, which --anonymize leaves out" in capsys.readouterr().err
    without = replace(run, data=run.data | {"rights": {"consent": {"yes": 5, "No": 2}}})
    with pytest.raises(InputError, match="2 rows of the data are without consent"):
        push(without, "me/words", samples=[("yes", tmp_path / "1.wav")], dry_run=True)


@pytest.mark.parametrize("repository", ["me/words/more", "a b", "-x/y", "", "words", "me/a--b"])
def test_invalid_repository_id_is_rejected(repository, run):
    with pytest.raises(InputError, match="user/"):
        push(run, repository)


def test_incomplete_model_folder_is_not_pushed(run):
    (run.model_folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks \*\.safetensors"):
        push(run, "me/words", dry_run=True)


def push_of_somebody_else(repo) -> None:
    repo.add("refs/heads/main", "somebody else", dict(repo.main.files), repo.main.oid)


# Kind of request, how it fails, and part of the message.
FAILURES = [
    (Fault("info", 500), "the Hub has a server error (500: test fault 500)"),
    (Fault("create", 403), "the token has no write access to me/words (403: test fault 403)"),
    (Fault("create", 402), "the Hub rejected the request (402: test fault 402)"),
    (Fault("create", drop="before"), "the connection to"),
    (
        Fault("validate", 400, body={"errors": [{"message": '"license" must be one of'}]}),
        "metadata of the model card",
    ),
    (Fault("validate", 500), "the Hub has a server error"),
    (Fault("preupload", 403), "the token has no write access to me/words"),
    (Fault("preupload", 429), "the Hub asks to slow down"),
    (Fault("preupload", drop="before"), "the connection to"),
    (Fault("batch", 500), "the Hub has a server error"),
    (Fault("put", 500), "the Hub has a server error"),
    (Fault("put", 403), "the Hub's storage for large files rejected an upload"),
    (Fault("put", drop="before"), "the connection to"),
    (Fault("put", drop="middle"), "the connection to"),
    (Fault("put", drop="after"), "the connection to"),
    (Fault("verify", 500), "the Hub has a server error"),
    (Fault("commit", 409), "somebody else wrote to me/words at the same time"),
    (Fault("commit", 412), "somebody else wrote to me/words at the same time"),
    (Fault("commit", 413), "the Hub rejected the request (413"),
    (Fault("commit", 500), "the Hub has a server error"),
    (Fault("commit", 501), "cannot do this (POST /api/models/me/words/commit/main: 501"),
    (Fault("commit", drop="before"), "the connection to"),
    (Fault("commit", drop="middle"), "the connection to"),
]


@pytest.mark.parametrize(("fault", "expected"), FAILURES, ids=lambda value: f"{value.kind}-{value.status or value.drop}"
                         if isinstance(value, Fault) else "")  # fmt: skip
def test_failed_push_commits_nothing_and_the_same_command_finishes_it(fault, expected, hub, online, run):
    hub.faults.append(replace(fault))
    with pytest.raises(AudioFTError) as caught:
        push(run, "me/words")
    message = str(caught.value)
    assert expected in message[0].lower() + message[1:]
    assert "This push committed nothing. Run the same command again" in message
    assert "\n" not in message
    assert not hub.repos or not hub.repo().files
    hub.faults.clear()
    arrived = {oid: len(content) for oid, content in hub.objects.items()}
    hub.received.clear()
    pushed = push(run, "me/words")
    assert hub.repo().titles == ["Add small"]
    assert hub.repo().files.keys() >= MODEL_FILES
    assert hub.uploaded() == dict(pushed.files)["model.safetensors"] - sum(arrived.values())


def test_concurrent_push_is_not_overwritten(hub, online, run):
    hub.meanwhile = push_of_somebody_else
    with pytest.raises(AudioFTError, match=r"412: A commit has happened since.*commits/main"):
        push(run, "me/words")
    assert hub.repo().titles == ["somebody else"]
    hub.meanwhile = None
    push(run, "me/words")
    assert hub.repo().titles == ["Add small", "somebody else"]


def test_uploaded_files_are_not_sent_again(hub, online, run):
    hub.faults.append(Fault("put", drop="middle", skip=1))
    with pytest.raises(AudioFTError, match="the same command"):
        push(run, "me/words", predictions=True)
    (arrived,) = hub.objects
    hub.faults.clear()
    hub.received.clear()
    files = dict(push(run, "me/words", predictions=True).files)
    large = {files["model.safetensors"], files["predictions.parquet"]}
    assert {hub.uploaded()} == large - {len(hub.objects[arrived])}
    assert hub.repo().titles == ["Add small"]


def test_short_failures_are_retried(hub, online, run):
    hub.faults += [Fault("put", drop="middle", times=2), Fault("batch", 503, times=1), Fault("verify", 500, times=1)]
    assert push(run, "me/words").changed
    assert hub.repo().titles == ["Add small"]


def test_a_commit_with_a_lost_response_is_found(hub, online, run):
    hub.faults.append(Fault("commit", drop="after", times=1))
    pushed = push(run, "me/words")
    assert pushed.commit == hub.repo().main.oid
    assert hub.repo().titles == ["Add small"]


def test_unknown_outcome_is_reported_as_unknown(hub, online, run):
    hub.faults += [Fault("commit", drop="after", times=1), Fault("tree", drop="before", skip=1)]
    with pytest.raises(AudioFTError, match="Whether the commit arrived is unknown"):
        push(run, "me/words")
    hub.faults.clear()
    assert not push(run, "me/words").changed
    hub.make("other/words")
    hub.faults.append(Fault("commit", drop="after", times=1))
    with pytest.raises(AudioFTError, match=r"look at .*/other/words/discussions before"):
        push(run, "other/words", create_pr=True)


def test_unresponsive_hub_times_out(hub, online, run):
    online.setattr(errors, "READ_TIMEOUT", 0.2)
    hub.faults.append(Fault("commit", seconds=1.0, drop="middle"))
    with pytest.raises(AudioFTError, match=r"The connection to .* failed"):
        push(run, "me/words")


@pytest.mark.parametrize(("token", "expected"), [
    ("hf_stranger", "the token is not valid (401: Invalid credentials in Authorization header)"),
    ("hf_reader", "the token has no write access to me/words"),
    ("hf_other", "the token has no write access to me/words"),
])  # fmt: skip
@pytest.mark.parametrize("there", [True, False])
def test_invalid_or_read_only_token_is_explained(token, expected, there, hub, tmp_path, run):
    if there:
        hub.make("me/words")
    with connected(hub, tmp_path, token), pytest.raises(AudioFTError) as caught:
        push(run, "me/words")
    message = str(caught.value)
    assert expected in message[0].lower() + message[1:]
    assert f"{hub.front.url}/settings/tokens" in message
    assert "put" not in hub.kinds()


def test_no_request_without_a_token(hub, online, run):
    online.delenv("HF_TOKEN")
    with pytest.raises(InputError, match="hf auth login"):
        push(run, "me/words")
    assert not hub.requests


def test_name_of_a_hidden_repository_is_taken(hub, tmp_path, run):
    hub.make("team/words", private=True)
    hub.faults.append(Fault("info", 404, headers={"X-Error-Code": "RepoNotFound"}))
    with connected(hub, tmp_path), pytest.raises(InputError, match="name team/words is taken"):
        push(run, "team/words")


def test_data_set_may_have_the_same_name(hub, online, run):
    hub.make("me/words", "dataset")
    push(run, "me/words")
    assert hub.repo("me/words").files.keys() >= MODEL_FILES
    assert not hub.repo("me/words", "dataset").files


def test_offline_mode_is_explained(hub, online, run):
    from huggingface_hub import constants

    online.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(AudioFTError, match="HF_HUB_OFFLINE is set"):
        push(run, "me/words")
    assert not hub.requests


def test_server_that_is_not_a_hub_is_explained(hub, online, run):
    online.setattr("hub_server.Front.info", lambda *_, **__: (b"<html>Welcome</html>",))
    with pytest.raises(AudioFTError, match=r"does not respond like the Hub.*HF_ENDPOINT"):
        push(run, "me/words")


def test_missing_network_is_explained(hub, online, run):
    from huggingface_hub import constants

    online.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(AudioFTError, match=r"The connection to http://127\.0\.0\.1:9 failed"):
        push(run, "me/words")


def test_command_line_prints_one_sentence_for_an_error(small_run, hub):
    outcome = command(hub, "push", str(small_run), "other/words", *flags())
    assert outcome.returncode == 1
    assert len(outcome.stderr.splitlines()) == 1
    assert "the token has no write access to other/words" in outcome.stderr.replace("The", "the")
    assert command(hub, "push", str(small_run / "model"), "me/words").returncode == 2
    assert not hub.repos


@pytest.mark.parametrize("name", CARD_FIELDS)
def test_use_limits_and_consent_are_required_before_training(name, hub, online):
    with pytest.raises(InputError, match=f"{name} is empty"):
        check_before_training(Recipe(model="m", data="d", **{**CARD_FIELDS, name: " "}), "me/words")
    assert not hub.requests


def test_repository_is_created_and_write_access_checked_before_training(hub, online):
    recipe = Recipe(model="m", data="d", training={"hub_private_repo": True}, **CARD_FIELDS)
    check_before_training(recipe, "me/words")
    assert hub.repo().private
    assert hub.repo().at("training")
    check_before_training(recipe, "me/words")
    hub.make("other/words")
    with pytest.raises(AudioFTError, match="has no write access to other/words"):
        check_before_training(replace(recipe, training={}), "other/words")
    with pytest.raises(AudioFTError, match="has no write access to readers/words"):
        check_before_training(recipe, "readers/words")
