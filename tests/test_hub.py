"""Pushing: refused before training when it could not be done, then one commit to a server that speaks as the Hub."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audio_ft import hub
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe

TOLD = {"intended_use": "Commands.", "limits": "English.", "consent": "Given."}


class TinyHub(ThreadingHTTPServer):
    """Keep what is committed; weights travel as LFS objects, everything else inside the commit."""

    def __init__(self, refuse: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), TinyHandler)
        self.refuse = refuse
        self.objects: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class TinyHandler(BaseHTTPRequestHandler):
    """Answer create, preupload, LFS batch, upload and commit."""

    server: TinyHub

    def log_message(self, *args: object) -> None:
        """Keep the test's screen clean."""

    def answer(self, content: object, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_POST(self) -> None:
        body = self.body()
        self.server.tokens.add(self.headers.get("Authorization"))
        if self.server.refuse:
            self.answer({"error": "You may not write here"}, 403)
        elif self.path == "/api/repos/create":
            self.answer({"url": f"{self.server.url}/me/words", "name": "me/words", "id": "1"})
        elif "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                 "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            self.answer({"files": files})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**item, "actions": {"upload": {"href": f"{self.server.url}/lfs/{item['oid']}"}}}
                for item in json.loads(body)["objects"]
            ]
            self.answer({"transfer": "basic", "objects": objects})
        elif "/commit/" in self.path:
            for line in body.decode().splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "header":
                    self.server.commits.append(value["summary"])
                elif entry["key"] == "file":
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    self.server.files[value["path"]] = self.server.objects[value["oid"]]
            self.answer(
                {"success": True, "commitOid": "a" * 40, "commitUrl": f"{self.server.url}/me/words/commit/{'a' * 40}"}
            )
        else:
            self.answer({"error": f"unknown {self.path}"}, 404)

    def do_PUT(self) -> None:
        content = self.body()
        assert hashlib.sha256(content).hexdigest() == self.path.rpartition("/")[2]
        self.server.objects[self.path.rpartition("/")[2]] = content
        self.answer({})

    def do_GET(self) -> None:
        self.answer({"id": "me/words", "sha": "a" * 40, "private": False, "siblings": []})


@pytest.fixture(params=[False])
def tiny_hub(request: pytest.FixtureRequest) -> Iterator[TinyHub]:
    with TinyHub(refuse=request.param) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def pushed(run: Path, server: TinyHub) -> subprocess.CompletedProcess[str]:
    """Push in a process of its own: the client reads the Hub's address when it is imported."""
    code = (
        "import sys\nfrom audio_ft import hub\n"
        "from audio_ft.console import guarded, show\nfrom audio_ft.run import Run\n"
        "def work():\n    show(hub.push(Run.load(sys.argv[1]), 'me/words'))\n    return 0\nsys.exit(guarded(work))"
    )
    settings = {"HF_ENDPOINT": server.url, "HF_TOKEN": "hf_test", "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    settings |= {"HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-c", code, str(run)], capture_output=True, text=True, env=os.environ | settings, timeout=120
    )


def test_the_model_arrives_whole_in_one_commit(small_run, tiny_hub):
    outcome = pushed(small_run, tiny_hub)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip().endswith(f"/commit/{'a' * 40}")
    assert tiny_hub.commits == ["Add small"]
    assert tiny_hub.tokens == {"Bearer hf_test"}
    sent = {
        str(file.relative_to(small_run / "model")): file for file in (small_run / "model").rglob("*") if file.is_file()
    }
    assert {"config.json", "model.safetensors", "chain.json", "recipe.json"} <= sent.keys()
    assert tiny_hub.files == {name: file.read_bytes() for name, file in sent.items()}


@pytest.mark.parametrize("tiny_hub", [True], indirect=True)
def test_a_refusal_says_that_the_run_is_safe_and_how_to_push_again(small_run, tiny_hub):
    outcome = pushed(small_run, tiny_hub)
    assert outcome.returncode == 1
    assert len(outcome.stderr.splitlines()) == 1
    assert f"hf upload me/words {small_run / 'model'}" in outcome.stderr
    assert not tiny_hub.commits


def test_a_token_is_wanted_before_training(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(InputError, match="hf auth login"):
        hub.check(Recipe(model="m", data="d", **TOLD), "me/words")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    hub.check(Recipe(model="m", data="d", **TOLD), "me/words")


@pytest.mark.parametrize("name", TOLD)
def test_a_word_on_use_limits_and_consent_is_wanted(name, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with pytest.raises(InputError, match=f"{name} is empty"):
        hub.check(Recipe(model="m", data="d", **{**TOLD, name: " "}), "me/words")


@pytest.mark.parametrize("repository", ["me/words/more", "a b", "-x/y", ""])
def test_a_name_that_is_no_repository_is_refused(repository, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    with pytest.raises(InputError, match="user/name"):
        hub.check(Recipe(model="m", data="d", **TOLD), repository)
