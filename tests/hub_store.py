"""What the Hub of the tests keeps: repositories of commits, and the faults that a test asks for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Commit:
    """Hold all files of a repository at one moment: path -> (content, whether it is stored as LFS)."""

    oid: str
    title: str
    parent: str | None
    files: dict[str, tuple[bytes, bool]]


@dataclass
class Repo:
    """Hold one repository: branches and pull requests point to commits."""

    identifier: str
    kind: str = "model"
    private: bool = False
    gated: bool = False
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    # What a server that keeps each content once has noted of commits, those that were never made included.
    noted: dict[str, tuple[bytes, bool]] = field(default_factory=dict)

    def at(self, revision: str) -> Commit | None:
        """Return the commit that a branch, pull request or hash names."""
        return self.commits.get(self.refs.get(f"refs/heads/{revision}", self.refs.get(revision, revision)))

    def add(self, reference: str, title: str, files: dict[str, tuple[bytes, bool]], parent: str | None) -> Commit:
        """Put a commit at the end of a branch or pull request."""
        seen = hashlib.sha1(f"{self.identifier}{title}{parent}{len(self.commits)}".encode())
        commit = Commit(seen.hexdigest(), title, parent, files)
        self.commits[commit.oid] = commit
        self.refs[reference] = commit.oid
        return commit

    @property
    def main(self) -> Commit:
        """Return what a visitor sees."""
        return self.commits[self.refs["refs/heads/main"]]

    @property
    def files(self) -> dict[str, bytes]:
        """Return the files that a visitor sees, without the one that every new repository has."""
        return {path: content for path, (content, _) in self.main.files.items() if path != ".gitattributes"}

    @property
    def titles(self) -> list[str]:
        """Return the titles on the main branch, newest first, without the first commit."""
        found, commit = [], self.main
        while commit.parent is not None:
            found.append(commit.title)
            commit = self.commits[commit.parent]
        return found


@dataclass
class Fault:
    """Break the requests of one kind: answer with `status`, or drop the connection.

    `drop` says when: "before" the request is read, in the "middle" of it, "after" the work, "half" through the answer.
    `skip` requests of that kind pass first, then `times` are broken. With `dies` the server is gone until it is
    revived; a commit `loses` the files of these patterns although the answer says that it is done.
    """

    kind: str
    status: int = 0
    drop: str = ""
    skip: int = 0
    times: int = 1_000
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    dies: bool = False
    loses: tuple[str, ...] = ()


def oid_of(content: bytes, lfs: bool) -> str:
    """Return the hash by which a file is known: SHA-256 for LFS, git's own for the others."""
    if lfs:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def described(path: str, content: bytes, lfs: bool) -> dict[str, Any]:
    """Return a file as the tree lists it."""
    known = {"type": "file", "path": path, "size": len(content), "oid": oid_of(content, False)}
    if lfs:
        known["lfs"] = {"oid": oid_of(content, True), "size": len(content), "pointerSize": 134}
    return known
