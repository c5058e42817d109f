"""What a branch of a repository holds, as the server lists it, and how that differs from files that were sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.formatting import counted
from audio_ft.hub.errors import hub_errors, lacks_route, status_code

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

SHOWN = 3


@dataclass(frozen=True)
class RemoteFile:
    """Describe a file on the Hub by what the server gives of it: its size in bytes, and hashes (hex)."""

    size: int | None = None
    sha256: str = ""
    git_sha1: str = ""

    def difference(self, file: CommitOperationAdd) -> str:
        """Return how this differs from a file that was sent, "" where nothing that the server gives differs."""
        if self.size is not None and self.size != file.upload_info.size:
            return f"has {self.size:,} of {file.upload_info.size:,} bytes"
        return "has another content" if self._same_hash(file) is False else ""

    def proves(self, file: CommitOperationAdd) -> bool:
        """Return whether a hash of the server says that this is the file."""
        return not self.difference(file) and self._same_hash(file) is True

    def _same_hash(self, file: CommitOperationAdd) -> bool | None:
        """Return whether the hashes are the same, None where the server gives none."""
        if self.sha256:
            return self.sha256 == file.upload_info.sha256.hex()
        return self.git_sha1 in _git_hashes(file) if self.git_sha1 else None


def list_branch(api: HfApi, repository: str, branch: str) -> dict[str, RemoteFile]:
    """Return the files of a branch by path; a server without the listing of files is asked for the model's siblings.

    Raises:
        HTTPError, ValueError and others of `hub_errors`: the branch cannot be listed.
    """
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        listed = list(api.list_repo_tree(repository, recursive=True, revision=branch))
    except EntryNotFoundError:
        return {}
    except hub_errors() as error:
        # ValueError and KeyError: a page or an entry that is not like the Hub's.
        if not (lacks_route(error) or (status_code(error) is None and isinstance(error, ValueError | KeyError))):
            raise
        siblings = api.model_info(repository, revision=branch, files_metadata=True).siblings or ()
        return {file.rfilename: _remote(file.size, file.lfs, file.blob_id) for file in siblings}
    return {file.path: _remote(file.size, file.lfs, file.blob_id) for file in listed if isinstance(file, RepoFile)}


def differences(
    found: Mapping[str, RemoteFile], files: Sequence[CommitOperationAdd], removed: Sequence[str] = ()
) -> dict[str, str]:
    """Return {path: how it differs} for files that a branch lacks or has otherwise, or still has although removed."""
    wrong = {file.path_in_repo: _difference(found, file) for file in files}
    return {path: how for path, how in wrong.items() if how} | {
        path: "is still there" for path in removed if path in found
    }


def described(wrong: Mapping[str, str]) -> str:
    """Return the first differences for a sentence: "chain.json is missing, run.json has 3 of 9 bytes and 2 more"."""
    shown = ", ".join(f"{path} {how}" for path, how in sorted(wrong.items())[:SHOWN])
    more = len(wrong) - SHOWN
    return f"{shown} and {counted(more, 'more file')}" if more > 0 else shown


def _difference(found: Mapping[str, RemoteFile], file: CommitOperationAdd) -> str:
    remote = found.get(file.path_in_repo)
    return "is missing" if remote is None else remote.difference(file)


def _remote(size: int | None, lfs: object, blob: str | None) -> RemoteFile:
    """Return a file as listed; servers differ in which hash they give, and its length says which it is."""
    blob, digest = blob or "", getattr(lfs, "sha256", None) or ""
    kinds = {64: "sha256", 40: "git_sha1"}
    if digest:
        return RemoteFile(getattr(lfs, "size", size), sha256=digest)
    return RemoteFile(size, **({kinds[len(blob)]: blob} if len(blob) in kinds else {}))


def _git_hashes(file: CommitOperationAdd) -> Iterator[str]:
    """Yield the names git would give a file: that of its content, and that of its pointer where it is stored as LFS."""
    size, digest = file.upload_info.size, file.upload_info.sha256.hex()
    own = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with file.as_file() as stream:
        while block := stream.read(1 << 20):
            own.update(block)
    yield own.hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {size}\n".encode()
    yield hashlib.sha1(f"blob {len(pointer)}\0".encode() + pointer, usedforsecurity=False).hexdigest()
