"""Commit files to a branch, and believe it only when the branch lists them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError
from audio_ft.formatting import capitalized
from audio_ft.hub.errors import explain, hub_errors, outcome_unknown
from audio_ft.hub.listing import described, differences, list_branch
from audio_ft.hub.repository import Destination

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

AGAIN = "Run the same command again; it sends what is missing."
COMMIT_UNKNOWN = f"Whether the commit arrived is unknown. {AGAIN}"
PULL_REQUEST_UNKNOWN = (
    "Whether the pull request was opened is unknown; look at {endpoint}/{repository}/discussions before running the "
    "same command again."
)


@dataclass(frozen=True)
class Committed:
    """Name a commit by its address and hash; `changed` says whether this call made it."""

    url: str
    oid: str
    changed: bool


def commit(
    api: HfApi, place: Destination, files: Sequence[CommitOperationAdd], title: str, removed: Sequence[str] = ()
) -> Committed:
    """Commit the files that a branch does not have yet, list the branch and compare it with all of them.

    Raises:
        AudioFTError: afterwards the branch does not hold the files, or it is unknown whether it does.
        HTTPError and others of `hub_errors`: the Hub rejects the commit, or it did not arrive.
    """
    from huggingface_hub import CommitOperationDelete

    needed = [_addition(place, file) for file in files if not place.proves(file)]
    if not needed and not removed:
        return Committed(_address(place.repository, place.head), place.head or "", changed=False)
    with warnings.catch_warnings():
        # The client suggests a dataset repository for Parquet files; --predictions asked for one here.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        try:
            done = api.create_commit(
                place.repository,
                [*needed, *(CommitOperationDelete(path) for path in removed)],
                commit_message=title,
                revision=None if place.is_main else place.branch,
                create_pr=place.create_pr,
                parent_commit=place.head,
            )
        except hub_errors() as error:
            if not outcome_unknown(error):
                raise
            return _after_failure(api, place, files, removed, error)
    branch = done.pr_revision or place.branch
    _require(api, place.repository, branch, files, removed)
    return Committed(done.pr_url or done.commit_url, done.oid, changed=done.oid != place.head)


def _addition(place: Destination, file: CommitOperationAdd) -> CommitOperationAdd:
    """Return a file to send: in any case if the branch lists it otherwise, else unless the server knows it already."""
    from huggingface_hub import CommitOperationAdd

    class Forced(CommitOperationAdd):
        """An addition that a server cannot leave out because of what it has elsewhere.

        Servers that keep one copy of a content say that a file is there before any branch holds it.
        """

        _remote_oid: Any = property(lambda self: None, lambda self, value: None)
        _should_ignore: Any = property(lambda self: False, lambda self, value: None)

    forced = bool(differences(place.files, [file]))
    return (Forced if forced else CommitOperationAdd)(file.path_in_repo, file.path_or_fileobj)


def _require(
    api: HfApi, repository: str, branch: str, files: Sequence[CommitOperationAdd], removed: Sequence[str]
) -> None:
    """Check that a branch holds the files after a commit that the server accepted."""
    try:
        found = list_branch(api, repository, branch)
    except hub_errors() as error:
        raise AudioFTError(
            f"The Hub accepted the commit, but {branch} of {repository} cannot be listed to check it: "
            f"{explain(error, repository)}. {AGAIN}"
        ) from error
    if wrong := differences(found, files, removed):
        raise AudioFTError(
            f"The Hub accepted the commit, but {branch} of {repository} does not hold what was sent: "
            f"{described(wrong)}. {AGAIN}"
        )


def _after_failure(
    api: HfApi, place: Destination, files: Sequence[CommitOperationAdd], removed: Sequence[str], error: Exception
) -> Committed:
    """Return a commit that arrived although its response was lost; raise what is known of any other."""
    from huggingface_hub import constants

    repository, reason = place.repository, capitalized(explain(error, place.repository))
    if place.create_pr:
        lost = PULL_REQUEST_UNKNOWN.format(endpoint=constants.ENDPOINT, repository=repository)
        raise AudioFTError(f"{reason}. {lost}") from error
    try:
        head = api.model_info(repository, revision=place.branch).sha
        wrong = differences(list_branch(api, repository, place.branch), files, removed)
    except hub_errors():
        raise AudioFTError(f"{reason}. {COMMIT_UNKNOWN}") from error
    if head == place.head:
        raise error
    if wrong:
        raise AudioFTError(
            f"{reason}. Now {place.branch} of {repository} has another commit than before, and does not hold what was "
            f"sent: {described(wrong)}. {AGAIN}"
        ) from error
    return Committed(_address(repository, head), head or "", changed=True)


def _address(repository: str, commit: str | None) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}/commit/{commit}"
