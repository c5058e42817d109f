"""Find or create the repository that a push writes to, and check that it may be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.hub.errors import LOG_IN, status_code
from audio_ft.run import CHAIN_FILE

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAIN = "main"


@dataclass(frozen=True)
class Destination:
    """Name the branch that a commit goes to, its newest commit and the files there."""

    repository: str
    branch: str
    head: str | None
    files: tuple[str, ...]
    create_pr: bool


def check_repo_id(repository: str) -> None:
    """Check that a name can be a repository's id.

    Raises:
        InputError: it is not of the form user/name, or has characters that the Hub does not allow.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(f"{repository!r} is not a repository id ({reason}); give one like user/name.") from error
    if "/" not in repository:
        raise InputError(f"{repository!r} lacks the user's name; give a repository id like user/{repository}.")


def hub_api(token: str | None) -> HfApi:
    """Return the Hub's client.

    Raises:
        InputError: there is no token.
    """
    from huggingface_hub import HfApi, constants, get_token

    chosen = token or get_token()
    if not chosen:
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        raise InputError(f"Pushing needs a token of the Hub, and none is set; {LOG_IN}, with one from {tokens}.")
    return HfApi(token=chosen, library_name="audio_ft")


def find_or_create(api: HfApi, repository: str, *, private: bool, revision: str | None, create_pr: bool) -> Destination:
    """Return where the commit goes, after creating the repository if needed and checking write access.

    Raises:
        InputError: the repository's visibility or branch is not the requested one, or it holds another tool's model.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    branch = revision or MAIN
    try:
        info = api.model_info(repository)
    except RepositoryNotFoundError:
        _create(api, repository, private, branch, create_pr)
        info = api.model_info(repository)
    else:
        if private and info.private is False:
            raise InputError(
                f"{repository} already exists and is public, and --private does not change that; make it private in "
                "its settings on the Hub, or choose another name."
            )
        if not create_pr:
            api.auth_check(repository, write=True)
    if branch != MAIN:
        names = [reference.name for reference in api.list_repo_refs(repository).branches]
        if branch not in names and not branch.startswith("refs/pr/"):
            raise InputError(
                f"{repository} has no branch {branch} (it has {', '.join(names)}); create it with "
                f"`hf repos branch create {repository} {branch}`, or leave out --revision."
            )
        info = api.model_info(repository, revision=branch)
    files = tuple(sibling.rfilename for sibling in info.siblings or ())
    if "config.json" in files and CHAIN_FILE not in files and not create_pr:
        raise InputError(
            f"{repository} holds a model that was not made with audio_ft; choose another name, or propose the change "
            "with --create-pr."
        )
    return Destination(repository, branch, info.sha, files, create_pr)


def _create(api: HfApi, repository: str, private: bool, branch: str, create_pr: bool) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    if create_pr or branch != MAIN:
        option = "--create-pr" if create_pr else f"--revision {branch}"
        raise InputError(
            f"{repository} does not exist, or this token cannot see it; push without {option} to create it."
        )
    try:
        api.create_repo(repository, private=private or None)
    except HfHubHTTPError as error:
        if status_code(error) != 409:
            raise
        raise InputError(
            f"The name {repository} is taken by a repository that this token cannot see; choose another name."
        ) from error
