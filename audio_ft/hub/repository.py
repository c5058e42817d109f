"""Find or create the repository that a push writes to, and check that it may be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.hub.errors import LOG_IN, lacks_route, status_code
from audio_ft.hub.listing import RemoteFile, list_branch
from audio_ft.run import CHAIN_FILE, RECIPE_FILE, RUN_FILE

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

MAIN = "main"


@dataclass(frozen=True)
class Destination:
    """Name the branch that a commit goes to, its newest commit and the files there, as the server lists them."""

    repository: str
    branch: str
    head: str | None
    files: Mapping[str, RemoteFile]
    create_pr: bool = False

    @property
    def is_main(self) -> bool:
        """Return whether this is the branch that visitors see."""
        return self.branch == MAIN

    def proves(self, file: CommitOperationAdd) -> bool:
        """Return whether the server says, by a hash, that a file is there already."""
        remote = self.files.get(file.path_in_repo)
        return remote is not None and remote.proves(file)


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
    from huggingface_hub.errors import HfHubHTTPError

    class Api(HfApi):
        """The client, for servers too that cannot check a card's metadata, which the client does before a commit."""

        def _validate_yaml(self, *args: Any, **kwargs: Any) -> None:
            try:
                super()._validate_yaml(*args, **kwargs)
            except HfHubHTTPError as error:
                if not lacks_route(error):
                    raise

    chosen = token or get_token()
    if not chosen:
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        raise InputError(f"Pushing needs a token of the Hub, and none is set; {LOG_IN}, with one from {tokens}.")
    return Api(token=chosen, library_name="audio_ft")


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
    else:
        if private and info.private is False:
            raise InputError(
                f"{repository} already exists and is public, and --private does not change that; make it private in "
                "its settings on the Hub, or choose another name."
            )
        if not create_pr:
            _check_write(api, repository)
    if branch != MAIN:
        _check_branch(api, repository, branch)
    place = replace(destination(api, repository, branch), create_pr=create_pr)
    if "config.json" in place.files and not create_pr and not place.files.keys() & {CHAIN_FILE, RECIPE_FILE, RUN_FILE}:
        raise InputError(
            f"{repository} holds a model that was not made with audio_ft; choose another name, or propose the change "
            "with --create-pr."
        )
    return place


def repository_exists(api: HfApi, repository: str) -> bool:
    """Return whether the token can see such a repository."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        api.model_info(repository)
    except RepositoryNotFoundError:
        return False
    return True


def check_may_create(api: HfApi, repository: str) -> None:
    """Check that the token may create a repository, by what the Hub says of its owner.

    Raises:
        InputError: the token only reads, or belongs to nobody who may write there.
    """
    user, owner = api.whoami(), repository.partition("/")[0]
    token = user.get("auth", {}).get("accessToken") or {}
    roles = {user["name"]: "write"} | {group["name"]: group.get("roleInOrg") for group in user.get("orgs", ())}
    if token.get("role") == "read" or roles.get(owner, "read") == "read":
        raise InputError(
            f"The token of {user['name']} may not create {repository}; use a token with write access to {owner}, or "
            "another name."
        )


def destination(api: HfApi, repository: str, branch: str) -> Destination:
    """Return a branch with its newest commit and its files, as the server lists them.

    Raises:
        HTTPError, ValueError and others of `hub_errors`: the branch cannot be listed.
    """
    head = api.model_info(repository, revision=None if branch == MAIN else branch).sha
    return Destination(repository, branch, head, list_branch(api, repository, branch))


def _check_write(api: HfApi, repository: str) -> None:
    """Ask whether the token may write; where the server cannot be asked, the commit shows it."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.auth_check(repository, write=True)
    except HfHubHTTPError as error:
        # Not a missing repository, whatever the server calls it: `model_info` has just seen it.
        if status_code(error) != 404 and not lacks_route(error):
            raise


def _check_branch(api: HfApi, repository: str, branch: str) -> None:
    """Check that a branch exists, or leave that to the next request where the server does not list its branches."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        names = [reference.name for reference in api.list_repo_refs(repository).branches]
    except HfHubHTTPError as error:
        if not lacks_route(error):
            raise
        return
    if branch not in names and not branch.startswith("refs/pr/"):
        raise InputError(
            f"{repository} has no branch {branch} (it has {', '.join(names)}); create it with "
            f"`hf repos branch create {repository} {branch}`, or leave out --revision."
        )


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
