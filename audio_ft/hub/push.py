"""Push a finished run to the Hub: everything in one commit, or nothing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.hub.bundle import repository_files
from audio_ft.hub.errors import explained, hub_errors, outcome_unknown
from audio_ft.hub.repository import MAIN, Destination, check_repo_id, find_or_create, hub_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huggingface_hub import CommitOperationAdd, HfApi

    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

# The branch for checkpoints of a training that is still running; main shows finished models only.
TRAINING_BRANCH = "training"
# A push deletes files of these names that it does not send itself: left from an earlier push or a running training,
# transformers would load them along with the new weights.
OWNED_PATTERNS = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "training_args.bin", "last-checkpoint/*",
    "checkpoint-*/*", "*_config.json", "vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json",
    "special_tokens_map.json", "normalizer.json", "predictions.parquet", ".eval_results/*.yaml", "adapter/*",
)  # fmt: skip
NOTHING_PUSHED = (
    "Nothing was committed to {repository}; run the same command again to finish the push. Files already uploaded are "
    "not sent twice."
)
NOTHING_TRAINED = "Nothing was trained yet."
COMMIT_UNKNOWN = "Whether the commit arrived is unknown; run the same command again, it sends only what is missing."
PULL_REQUEST_UNKNOWN = (
    "Whether the pull request was opened is unknown; look at {endpoint}/{repository}/discussions before running the "
    "same command again."
)


@dataclass(frozen=True)
class Pushed:
    """Describe a push.

    Attributes:
        repository: id on the Hub.
        url: address of the commit or of the pull request; "" after a dry run.
        commit: its hash; "" after a dry run.
        files: each file's path in the repository and its size in bytes.
        changed: whether the push made a new commit.
    """

    repository: str
    url: str
    commit: str
    files: tuple[tuple[str, int], ...]
    changed: bool


def push(
    run: Run,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    predictions: bool = False,
    dry_run: bool = False,
    token: str | None = None,
) -> Pushed:
    """Push a run's model, chain, recipe, run.json and card in one commit; create the repository if needed.

    Args:
        run: a finished run.
        repo_id: user/name on the Hub.
        private: make a new repository private; an existing public one is an error.
        revision: an existing branch to push to.
        create_pr: open a pull request against the main branch instead.
        predictions: also send predictions.parquet: names of recordings and speakers, targets and predictions.
        dry_run: send nothing, and return what would be sent.
        token: a token of the Hub; None takes the one of `hf auth login` or HF_TOKEN.

    Raises:
        InputError: the name, branch or token is not valid, the repository is not what was asked for, or the recipe
            lacks a field that the card needs.
        AudioFTError: the Hub rejects the push or cannot be reached; no part of it is committed.
    """
    check_repo_id(repo_id)
    if create_pr and revision not in (None, MAIN):
        raise InputError(f"A pull request is opened against {MAIN}; leave out --revision or --create-pr.")
    files = repository_files(run, repo_id, predictions=predictions)
    sizes = tuple((file.path_in_repo, file.upload_info.size) for file in files)
    if dry_run:
        return Pushed(repo_id, "", "", sizes, changed=False)
    api = hub_api(token)
    with explained(repo_id, NOTHING_PUSHED.format(repository=repo_id)):
        destination = find_or_create(api, repo_id, private=private, revision=revision, create_pr=create_pr)
        url, commit = _commit(api, destination, files, f"Add {run.recipe.name or 'model'}")
    return Pushed(repo_id, url, commit, sizes, changed=commit != destination.head)


def check_before_training(recipe: Recipe, repository: str) -> None:
    """Check before a training that its run can be pushed afterwards; create the repository and the branch.

    Raises:
        InputError: there is no token, the name is not valid, the repository is not what was asked for, or the recipe
            lacks intended_use, limits or consent, or names a language that the Hub does not know.
        AudioFTError: the Hub rejects the request or cannot be reached.
    """
    from audio_ft.reporting.card import require_card_fields
    from audio_ft.reporting.card.metadata import languages

    check_repo_id(repository)
    languages(recipe)
    require_card_fields(recipe)
    api = hub_api(None)
    with explained(repository, NOTHING_TRAINED):
        find_or_create(api, repository, private=is_private(recipe), revision=None, create_pr=False)
        api.create_branch(repository, branch=recipe.training.get("hub_revision") or TRAINING_BRANCH, exist_ok=True)


def is_private(recipe: Recipe) -> bool:
    """Return whether a recipe asks for a private repository, with Trainer's own setting."""
    return bool(recipe.training.get("hub_private_repo"))


def _commit(api: HfApi, destination: Destination, files: Sequence[CommitOperationAdd], title: str) -> tuple[str, str]:
    """Upload what is new, make the commit and return its address and hash."""
    from huggingface_hub import CommitOperationDelete

    sent = {file.path_in_repo for file in files}
    stale = [path for path in destination.files if path not in sent and _is_owned(path)]
    with warnings.catch_warnings():
        # The client suggests a dataset repository for Parquet files; --predictions asked for one here.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        try:
            done = api.create_commit(
                destination.repository,
                [*files, *(CommitOperationDelete(path) for path in stale)],
                commit_message=title,
                revision=None if destination.branch == MAIN else destination.branch,
                create_pr=destination.create_pr,
                parent_commit=destination.head,
            )
        except hub_errors() as error:
            if not outcome_unknown(error):
                raise
            return _recover(api, destination, title, error)
    return done.pr_url or done.commit_url, done.oid


def _is_owned(path: str) -> bool:
    """Return whether a push or a training writes such a file; other files and folders belong to the user."""
    return any(fnmatch(path, pattern) for pattern in OWNED_PATTERNS if pattern.count("/") == path.count("/"))


def _recover(api: HfApi, destination: Destination, title: str, error: Exception) -> tuple[str, str]:
    """Return the address and hash of a commit that arrived although its response was lost, or raise the error."""
    from huggingface_hub import constants

    repository, endpoint = destination.repository, constants.ENDPOINT
    lost = PULL_REQUEST_UNKNOWN.format(endpoint=endpoint, repository=repository)
    with explained(repository, lost if destination.create_pr else COMMIT_UNKNOWN):
        if destination.create_pr:
            raise error
        newest, *before = api.list_repo_commits(repository, revision=destination.branch)
    if newest.title == title and before and before[0].commit_id == destination.head:
        return f"{endpoint}/{repository}/commit/{newest.commit_id}", newest.commit_id
    raise error
