"""A Hub on 127.0.0.1 for tests: repositories in memory, the real one's routes, refusals and headers, and faults.

`huggingface_hub` and `transformers` talk to it as to the real one with HF_ENDPOINT set and Xet off. Large files lie on
a second port, as they do on the Hub, so that a client that sends its token there is found out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from hub_store import Commit, Fault, Repo, described, oid_of

# What the Hub stores as LFS by its .gitattributes, whatever the size.
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".parquet", ".onnx", ".arrow")
TOKENS = {
    "hf_writer": {"name": "me", "role": "write", "orgs": {"team": "write", "readers": "read"}},
    "hf_reader": {"name": "me", "role": "read", "orgs": {}},
    "hf_other": {"name": "other", "role": "write", "orgs": {}},
}


class Hub:
    """Run both ports, keep repositories and large files, and note what was asked."""

    def __init__(self) -> None:
        self.repos: dict[tuple[str, str], Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        self.received: list[tuple[str, int]] = []
        self.missing: set[str] = set()  # kinds of requests that this server does not know
        self.deduplicates = False
        self.lists_hashes = True
        self.dead = False
        self.meanwhile: Callable[[Repo], None] | None = None
        self.tokens_at_storage: set[str] = set()
        self.lock = threading.RLock()
        self.front = _Server(self, Front)
        self.storage = _Server(self, Storage)

    def repo(self, identifier: str = "me/words", kind: str = "model") -> Repo:
        """Return a repository."""
        return self.repos[kind, identifier]

    def make(self, identifier: str, kind: str = "model", **settings: Any) -> Repo:
        """Make a repository with the one file that every new one has."""
        repo = self.repos[kind, identifier] = Repo(identifier, kind, **settings)
        repo.add("refs/heads/main", "initial commit", {".gitattributes": (b"*.safetensors filter=lfs\n", False)}, None)
        return repo

    def kinds(self) -> list[str]:
        """Return the kinds of the requests, in order."""
        return [kind for kind, _, _ in self.requests]

    def uploaded(self) -> int:
        """Return the bytes of large files that were sent, whether or not they arrived whole."""
        return sum(size for kind, size in self.received if kind == "put")

    def fault_for(self, kind: str) -> Fault | None:
        """Return the fault that breaks this request, if one does."""
        with self.lock:
            for fault in self.faults:
                if fault.kind != kind or fault.times < 1:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: Hub, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about connections that a client or a fault cut."""


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve for as long as the context lasts."""
    hub = Hub()
    servers = (hub.front, hub.storage)
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def settings(hub: Hub, cache: Path, token: str = "hf_writer") -> dict[str, str]:
    """Return the environment in which a process of its own talks to this Hub and to no other."""
    return {
        "HF_ENDPOINT": hub.front.url, "HF_TOKEN": token, "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip


@contextmanager
def connected(hub: Hub, cache: Path, token: str = "hf_writer") -> Iterator[pytest.MonkeyPatch]:
    """Let this process talk to the Hub, although the client read its settings when it was imported."""
    from huggingface_hub import close_session, constants
    from huggingface_hub.utils import _http

    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings(hub, cache, token).items():
            patch.setenv(name, value)
        template = hub.front.url + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {"ENDPOINT": hub.front.url, "HUGGINGFACE_CO_URL_TEMPLATE": template,
                            "HF_HUB_CACHE": str(cache), "HF_HUB_DISABLE_XET": True, "HF_HUB_OFFLINE": False,
                            "HF_HUB_DISABLE_TELEMETRY": True}.items():  # fmt: skip
            patch.setattr(constants, name, value)
        # The client waits seconds between its attempts; how long is not what the tests are about.
        patch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))
        close_session()
        yield patch
        close_session()


class Refused(Exception):
    """Answer with a status and the Hub's own headers."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.headers, self.more = status, code, headers or {}, more


class Dropped(Exception):
    """End the connection without an answer."""


class Handler(BaseHTTPRequestHandler):
    """Read a request, break it if a fault says so, and answer."""

    protocol_version = "HTTP/1.1"
    server: _Server
    routes: tuple[tuple[str, str, str], ...] = ()
    loses: tuple[str, ...] = ()

    def log_message(self, *args: object) -> None:
        """Keep the test's screen clean."""

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def serve(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        kind, match = self.route(url.path)
        if kind in self.hub.missing:
            kind, match = "unknown", None
        self.hub.requests.append((kind, self.command, self.path))
        fault = None if self.hub.dead else self.hub.fault_for(kind)
        try:
            if self.hub.dead:
                raise Dropped
            body = self.read_body(kind, fault)
            self.break_early(fault)
            with self.hub.lock:
                if match is None:
                    raise Refused(404, f"no such page: {url.path}")
                self.loses = fault.loses if fault else ()
                answer = getattr(self, kind)(body, **{k: unquote(v or "") for k, v in match.groupdict().items()})
            if fault and fault.dies:
                self.hub.dead = True
            if fault and fault.drop == "after":
                raise Dropped
            self.answer(*answer, half=fault is not None and fault.drop == "half")
        except Refused as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            headers = {"X-Error-Message": str(refused)} | code | refused.headers
            self.answer({"error": str(refused)} | refused.more, refused.status, headers)
        except Dropped:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve

    def route(self, path: str) -> tuple[str, re.Match[str] | None]:
        for method, kind, pattern in self.routes:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                return kind, match
        return "unknown", None

    def read_body(self, kind: str, fault: Fault | None) -> bytes:
        if fault and fault.drop == "before":
            self.hub.dead |= fault.dies
            raise Dropped
        parts: list[bytes] = []
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers.get("Content-Length", 0))
            half = left // 2
            while left and (block := self.rfile.read(min(left, 1 << 16))):
                parts.append(block)
                left -= len(block)
                if fault and fault.drop == "middle" and left <= half:
                    self.hub.received.append((kind, sum(map(len, parts))))
                    raise Dropped
        body = b"".join(parts)
        self.hub.received.append((kind, len(body)))
        return body

    def break_early(self, fault: Fault | None) -> None:
        if fault is None:
            return
        time.sleep(fault.seconds)
        if fault.drop == "middle":
            raise Dropped
        if fault.status:
            message = (fault.body or {}).get("error", f"test fault {fault.status}")
            raise Refused(fault.status, message, headers=fault.headers, **(fault.body or {}))

    def answer(
        self, content: Any, status: int = 200, headers: dict[str, str] | None = None, half: bool = False
    ) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
        self.send_response(status)
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)
        if half:
            raise Dropped

    def ranged(self, content: bytes, headers: dict[str, str]) -> tuple[bytes, int, dict[str, str]]:
        """Return content, or the part that a Range header asks for."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = headers | {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        if not asked:
            return content, 200, headers
        start, end = int(asked[1]), int(asked[2] or len(content) - 1)
        return content[start : end + 1], 206, headers | {"Content-Range": f"bytes {start}-{end}/{len(content)}"}


class Storage(Handler):
    """Take and give large files by their hash, to whomever has the address."""

    routes = (("PUT", "put", r"/(?P<oid>\w{64})"), ("GET", "fetch", r"/(?P<oid>\w{64})"))

    def put(self, body: bytes, oid: str) -> tuple[Any, ...]:
        self.note_token()
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "the content is not what its hash says")
        self.hub.objects[oid] = body
        return (b"",)

    def fetch(self, body: bytes, oid: str) -> tuple[Any, ...]:
        self.note_token()
        return self.ranged(self.hub.objects[oid], {"ETag": f'"{oid}"'})

    def note_token(self) -> None:
        if "Authorization" in self.headers:
            self.hub.tokens_at_storage.add(self.headers["Authorization"])


KIND = r"/api/(?P<kind>model|dataset|space)s"
REPO = rf"{KIND}/(?P<name>[^/]+/[^/]+)"


class Front(Handler):
    """Answer as the Hub's own address does."""

    routes = (
        ("GET", "whoami", r"/api/whoami-v2"),
        ("POST", "create", r"/api/repos/create"),
        ("POST", "validate", r"/api/validate-yaml"),
        ("POST", "preupload", rf"{REPO}/preupload/(?P<revision>[^/]+)"),
        ("POST", "commit", rf"{REPO}/commit/(?P<revision>[^/]+)"),
        ("POST", "branch", rf"{REPO}/branch/(?P<name_of_branch>[^/]+)"),
        ("POST", "paths", rf"{REPO}/paths-info/(?P<revision>[^/]+)"),
        ("GET", "tree", rf"{REPO}/tree/(?P<revision>[^/]+)(?P<folder>/.*)?"),
        ("GET", "refs", rf"{REPO}/refs"),
        ("GET", "commits", rf"{REPO}/commits/(?P<revision>[^/]+)"),
        ("GET", "allowed", rf"{REPO}/auth-check/write"),
        ("GET", "info", rf"{REPO}(/revision/(?P<revision>[^/]+))?"),
        ("POST", "batch", r"/(?P<prefix>datasets/|spaces/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
        ("POST", "verify", r"/verify"),
        ("HEAD", "resolve", r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
        ("GET", "resolve", r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
    )

    def user(self) -> dict[str, Any] | None:
        """Return who asks; None without a token.

        Raises:
            Refused: a token that the Hub never gave.
        """
        bearer = self.headers.get("Authorization", "")
        if not bearer:
            return None
        if bearer.removeprefix("Bearer ") not in TOKENS:
            raise Refused(401, "Invalid credentials in Authorization header")
        return TOKENS[bearer.removeprefix("Bearer ")]

    def may_write(self, owner: str) -> bool:
        user = self.user()
        return user is not None and user["role"] == "write" and (
            owner == user["name"] or user["orgs"].get(owner) == "write"
        )  # fmt: skip

    def found(self, name: str, kind: str = "model", write: bool = False) -> Repo:
        """Return a repository that the user may read, or write.

        Raises:
            Refused: there is none, or not for this user; the Hub does not say which of the two.
        """
        user, repo, owner = self.user(), self.hub.repos.get((kind, name)), name.partition("/")[0]
        mine = user is not None and (owner == user["name"] or owner in user["orgs"])
        if repo is None or (repo.private and not mine):
            if user is None:
                raise Refused(401, "Invalid username or password.", "RepoNotFound")
            raise Refused(404, "Repository not found", "RepoNotFound")
        if write and not self.may_write(owner):
            raise Refused(403 if user else 401, "You don't have the rights to write to this repository")
        return repo

    def at(self, repo: Repo, revision: str) -> Commit:
        commit = repo.at(revision or "main")
        if commit is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def whoami(self, body: bytes) -> tuple[Any, ...]:
        user = self.user()
        if user is None:
            raise Refused(401, "Invalid username or password.")
        orgs = [{"name": name, "roleInOrg": role} for name, role in user["orgs"].items()]
        token = {"displayName": "test", "role": user["role"]}
        return ({"type": "user", "name": user["name"], "orgs": orgs, "auth": {"accessToken": token}},)

    def create(self, body: bytes) -> tuple[Any, ...]:
        wish, user = json.loads(body), self.user()
        if user is None:
            raise Refused(401, "Invalid username or password.")
        owner, kind = wish["organization"] or user["name"], wish.get("type", "model")
        name = f"{owner}/{wish['name']}"
        url = f"{self.server.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if not self.may_write(owner):
            raise Refused(403, f'You don\'t have the rights to create a {kind} under the namespace "{owner}"')
        if (kind, name) in self.hub.repos:
            raise Refused(409, f"You already created this {kind} repo", url=url)
        self.hub.make(name, kind, private=wish.get("visibility") == "private")
        return ({"url": url, "name": name, "id": "1"},)

    def validate(self, body: bytes) -> tuple[Any, ...]:
        content = json.loads(body)["content"]
        head = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", content, re.DOTALL)
        if head is None:
            return ({"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]},)
        try:
            known = isinstance(yaml.safe_load(head[1]), dict)
        except yaml.YAMLError:
            known = False
        if not known:
            raise Refused(400, "Invalid metadata", errors=[{"message": "the metadata is no mapping"}])
        return ({"errors": [], "warnings": []},)

    def preupload(self, body: bytes, kind: str, name: str, revision: str) -> tuple[Any, ...]:
        repo = self.found(name, kind, write="create_pr" not in self.query)
        present = self.at(repo, revision).files
        answers = []
        for file in json.loads(body)["files"]:
            path = file["path"]
            lfs = path.endswith(LFS_SUFFIXES) or file["size"] > 10 << 20
            content = repo.noted.get(path, (b"", False))[0]
            known = self.hub.deduplicates and len(content) == file["size"]
            known = known and content.startswith(base64.b64decode(file["sample"]))
            answer = {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": known}
            answers.append(answer | ({"oid": oid_of(*present[path])} if path in present else {}))
        return ({"files": answers},)

    def batch(self, body: bytes, prefix: str, name: str) -> tuple[Any, ...]:
        self.found(name, prefix.removesuffix("s/") or "model")
        objects = []
        for wish in json.loads(body)["objects"]:
            upload = {"href": f"{self.hub.storage.url}/{wish['oid']}", "header": {}}
            verify = {"href": f"{self.server.url}/verify", "header": {}}
            there = wish["oid"] in self.hub.objects
            objects.append(wish | ({} if there else {"actions": {"upload": upload, "verify": verify}}))
        return ({"transfer": "basic", "objects": objects},)

    def verify(self, body: bytes) -> tuple[Any, ...]:
        wish = json.loads(body)
        if len(self.hub.objects.get(wish["oid"], b"")) != wish["size"]:
            raise Refused(404, "the object is not here")
        return ({},)

    def commit(self, body: bytes, kind: str, name: str, revision: str) -> tuple[Any, ...]:
        proposed = "create_pr" in self.query
        repo = self.found(name, kind, write=not proposed)
        if self.hub.meanwhile is not None:
            self.hub.meanwhile(repo)
        entries = [json.loads(line) for line in body.splitlines()]
        header, parent = entries[0]["value"], self.at(repo, revision)
        if not proposed and header.get("parentCommit") not in (None, parent.oid):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(parent.files)
        for entry in entries[1:]:
            self.apply(files, entry["key"], entry["value"])
        repo.noted |= files
        if fault := self.hub.fault_for("noted"):
            self.hub.dead = fault.dies
            raise Dropped
        lost = [path for path in files if any(fnmatch(path, pattern) for pattern in self.loses)]
        files = {path: content for path, content in files.items() if path not in lost or path in parent.files}
        files |= {path: parent.files[path] for path in lost if path in parent.files}
        if files == parent.files and lost:
            return ({"success": True, "commitOid": "0" * 40, "commitUrl": f"{self.server.url}/{name}/commit/0"},)
        number = 1 + sum(reference.startswith("refs/pr/") for reference in repo.refs)
        reference = (
            f"refs/pr/{number}" if proposed else revision if revision.startswith("refs/") else f"refs/heads/{revision}"
        )
        made = repo.add(reference, header["summary"], files, parent.oid)
        url = f"{self.server.url}/{name}"
        pull_request = {"pullRequestUrl": f"{url}/discussions/{number}"} if proposed else {}
        return ({"success": True, "commitOid": made.oid, "commitUrl": f"{url}/commit/{made.oid}"} | pull_request,)

    def apply(self, files: dict[str, tuple[bytes, bool]], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = (base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            if value["oid"] not in self.hub.objects:
                raise Refused(400, f"the object of {path} was never uploaded")
            files[path] = (self.hub.objects[value["oid"]], True)
        elif key == "deletedFile":
            if path not in files:
                raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            del files[path]
        else:
            for inner in [name for name in files if name.startswith(f"{path.rstrip('/')}/")]:
                del files[inner]

    def branch(self, body: bytes, kind: str, name: str, name_of_branch: str) -> tuple[Any, ...]:
        repo = self.found(name, kind, write=True)
        if f"refs/heads/{name_of_branch}" in repo.refs:
            raise Refused(409, "Reference already exists")
        start = self.at(repo, json.loads(body or b"{}").get("startingPoint", "main"))
        repo.refs[f"refs/heads/{name_of_branch}"] = start.oid
        return ({},)

    def info(self, body: bytes, kind: str, name: str, revision: str) -> tuple[Any, ...]:
        repo = self.found(name, kind)
        commit = self.at(repo, revision)
        siblings: list[dict[str, Any]] = [{"rfilename": path} for path in commit.files]
        for sibling in siblings if "blobs" in self.query else ():
            listed = self.listed(sibling["rfilename"], *commit.files[sibling["rfilename"]])
            lfs = {"lfs": {**listed["lfs"], "sha256": listed["lfs"]["oid"]}} if "lfs" in listed else {}
            sibling |= {"size": listed["size"], "blobId": listed["oid"], **lfs}
        return ({"id": name, "sha": commit.oid, "private": repo.private, "siblings": siblings, "tags": [],
                 "gated": "manual" if repo.gated else False},)  # fmt: skip

    def allowed(self, body: bytes, kind: str, name: str) -> tuple[Any, ...]:
        self.found(name, kind, write=True)
        return ({},)

    def tree(self, body: bytes, kind: str, name: str, revision: str, folder: str) -> tuple[Any, ...]:
        commit = self.at(self.found(name, kind), revision)
        inside = f"{folder.strip('/')}/".lstrip("/")
        files = [path for path in commit.files if path.startswith(inside)]
        if inside and not files:
            raise Refused(404, f"{inside} does not exist on {revision}", "EntryNotFound")
        if self.query.get("recursive", "").lower() not in ("true", "1"):
            files = [path for path in files if "/" not in path.removeprefix(inside)]
        return ([self.listed(path, *commit.files[path]) for path in files],)

    def listed(self, path: str, content: bytes, lfs: bool) -> dict[str, Any]:
        hashes = {} if self.hub.lists_hashes else {"oid": ""}
        known = described(path, content, lfs and self.hub.lists_hashes)
        return known | hashes

    def paths(self, body: bytes, kind: str, name: str, revision: str) -> tuple[Any, ...]:
        commit = self.at(self.found(name, kind), revision)
        asked = parse_qs(body.decode()).get("paths", [])
        return ([described(path, *commit.files[path]) for path in asked if path in commit.files],)

    def refs(self, body: bytes, kind: str, name: str) -> tuple[Any, ...]:
        refs = self.found(name, kind).refs.items()
        branches = [
            {"name": ref.removeprefix("refs/heads/"), "ref": ref, "targetCommit": oid}
            for ref, oid in refs
            if ref.startswith("refs/heads/")
        ]
        return ({"branches": branches, "converts": [], "tags": []},)

    def commits(self, body: bytes, kind: str, name: str, revision: str) -> tuple[Any, ...]:
        repo, listed = self.found(name, kind), []
        commit: Commit | None = self.at(repo, revision)
        while commit is not None:
            when = "2026-11-21T10:00:00.000Z"
            listed.append({"id": commit.oid, "title": commit.title, "message": "", "authors": [], "date": when})
            commit = repo.commits.get(commit.parent or "")
        return (listed,)

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> tuple[Any, ...]:
        repo = self.found(name)
        if repo.gated and not self.may_write(name.partition("/")[0]):
            status = 403 if self.user() else 401
            raise Refused(status, f"Access to model {name} is restricted and you are not in the list.", "GatedRepo")
        commit = self.at(repo, revision)
        headers = {"X-Repo-Commit": commit.oid}
        if path not in commit.files:
            raise Refused(404, "Entry not found", "EntryNotFound", headers)
        content, lfs = commit.files[path]
        if not lfs:
            return self.ranged(content, headers | {"ETag": f'"{oid_of(content, False)}"'})
        oid = oid_of(content, True)
        self.hub.objects.setdefault(oid, content)
        linked = {"X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content))}
        return b"", 302, headers | linked | {"Location": f"{self.hub.storage.url}/{oid}"}
