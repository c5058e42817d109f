"""Put a finished model on the Hub: everything in one commit, or nothing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub.bundle import pack
from audio_ft.hub.errors import LOG_IN, hub_errors, lost, refusal, request_timeout, status
from audio_ft.run import CHAIN_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from huggingface_hub import HfApi

    from audio_ft.hub.bundle import Item
    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

MAIN = "main"
# The branch for checkpoints of a training that is still running; main shows finished models only.
TRAINING = "training"
# Of an earlier push or of a training in progress: beside other weights they would be believed and be wrong.
OWNED_PATTERNS = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*", "training_args.bin", "last-checkpoint/*",
    "checkpoint-*/*", "*_config.json", "vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json",
    "special_tokens_map.json", "normalizer.json", "predictions.parquet", ".eval_results/*.yaml", "adapter/*",
)  # fmt: skip
SAFE = (
    "Nothing of the run stands in {repository} yet; the same command finishes the push, without sending again what has "
    "arrived."
)
UNTRAINED = "Nothing was trained yet."
UNSURE = "Whether the last step arrived is not known; the same command looks, and does only what is missing."
UNSURE_PROPOSAL = (
    "Whether the pull request was opened is not known; look at {endpoint}/{repository}/discussions before "
    "running the same command again."
)


@dataclass(frozen=True)
class Pushed:
    """Say what went where.

    Attributes:
        repository: id on the Hub.
        url: address of the commit or of the pull request; "" after a dry run.
        commit: its hash; "" after a dry run.
        files: each file's path in the repository and its size in bytes.
        changed: whether anything was new there.
    """

    repository: str
    url: str
    commit: str
    files: tuple[tuple[str, int], ...]
    changed: bool


@dataclass(frozen=True)
class Target:
    """Say where a commit goes and what is there already."""

    repository: str
    branch: str
    head: str | None
    files: tuple[str, ...]
    create_pr: bool


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
    """Put a run's model, chain, recipe, record and card into a repository, made if need be, in one commit.

    Args:
        run: a finished run.
        repo_id: user/name on the Hub.
        private: make a new repository private; one that is public already is refused.
        revision: branch to push to; it must be there.
        create_pr: open a pull request against the main branch instead.
        predictions: send predictions.parquet too: names of recordings, speakers, references and answers.
        dry_run: send nothing, and say what would go.
        token: the Hub's token; None takes the one that is logged in.

    Raises:
        InputError: no such name, branch or token, a repository that is not what was asked for, or a recipe without the
            words that its card needs. AudioFTError: the Hub refuses or cannot be reached; nothing is half-pushed.
    """
    check_name(repo_id)
    if create_pr and revision not in (None, MAIN):
        raise InputError(f"A pull request is opened against {MAIN}; leave out --revision or --create-pr.")
    items = pack(run, repo_id, predictions=predictions)
    files = tuple((item.path, item.size) for item in items)
    if dry_run:
        return Pushed(repo_id, "", "", files, changed=False)
    api = connected(token)
    with request_timeout():
        target = _target(api, repo_id, private, revision, create_pr, SAFE.format(repository=repo_id))
        url, commit = _commit(api, target, items, f"Add {run.recipe.name or 'model'}")
    return Pushed(repo_id, url, commit, files, changed=commit != target.head)


def check(recipe: Recipe, repository: str) -> None:
    """Refuse, before any training, what could not be pushed after it; repository and branch are there afterwards.

    Raises:
        InputError: no token, a name that is no repository's, a repository that is not what was asked for, or a recipe
            that does not say what the model is for, what it cannot do, and that the people recorded agreed, or names a
            language as the Hub does not.
        AudioFTError: the Hub refuses or cannot be reached.
    """
    from audio_ft.recipe import REQUIRED_CARD_FIELDS
    from audio_ft.reporting.card.metadata import languages

    check_name(repository)
    languages(recipe)
    untold = [name for name in REQUIRED_CARD_FIELDS if not getattr(recipe, name).strip()]
    if untold:
        raise InputError(
            f"A model is pushed with a word on its use, and the recipe's {', '.join(untold)} "
            f"{'are' if len(untold) > 1 else 'is'} empty; fill in the recipe, or --set {untold[0]}=…"
        )
    api = connected(None)
    with request_timeout():
        _target(api, repository, is_private(recipe), None, False, UNTRAINED)
        try:
            api.create_branch(repository, branch=recipe.training.get("hub_revision") or TRAINING, exist_ok=True)
        except hub_errors() as error:
            raise refusal(error, repository, UNTRAINED) from error


def is_private(recipe: Recipe) -> bool:
    """Return whether a recipe wants its repository private: Trainer's own setting says so."""
    return bool(recipe.training.get("hub_private_repo"))


def check_name(repository: str) -> None:
    """Refuse what cannot be a repository's id.

    Raises:
        InputError: it is not user/name, or has characters that the Hub does not take.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        said = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(f"{repository!r} is no repository on the Hub ({said}); give one like user/name.") from error
    if "/" not in repository:
        raise InputError(f"{repository!r} does not say whose repository it is; give one like user/{repository}.")


def connected(token: str | None) -> HfApi:
    """Return the Hub's client.

    Raises:
        InputError: there is no token.
    """
    from huggingface_hub import HfApi, constants, get_token

    chosen = token or get_token()
    if not chosen:
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        raise InputError(f"Pushing needs a token of the Hub, and none is set; {LOG_IN}, with one of {tokens}.")
    return HfApi(token=chosen, library_name="audio_ft")


def _target(api: HfApi, repository: str, private: bool, revision: str | None, create_pr: bool, after: str) -> Target:
    """Return where the commit goes, once the repository is there and may be written; `after` ends a refusal.

    Raises:
        InputError: a repository, branch or visibility that is not what was asked for.
        AudioFTError: the Hub refuses or cannot be reached.
    """
    try:
        info = _found(api, repository)
        if info is None:
            info = _made(api, repository, private, revision, create_pr)
        elif private and info.private is False:
            raise InputError(
                f"{repository} is there and public, and --private does not change that; make it private in its "
                "settings on the Hub, or choose another name."
            )
        elif not create_pr:
            api.auth_check(repository, write=True)
        branch = revision or MAIN
        if branch != MAIN:
            info = _at_branch(api, repository, branch)
    except hub_errors() as error:
        if isinstance(error, AudioFTError):
            raise
        raise refusal(error, repository, after) from error
    files = tuple(sibling.rfilename for sibling in info.siblings or ())
    if "config.json" in files and CHAIN_FILE not in files and not create_pr:
        raise InputError(
            f"{repository} holds a model that audio_ft did not make; choose another name, or propose the change with "
            "--create-pr."
        )
    return Target(repository, branch, info.sha, files, create_pr)


def _found(api: HfApi, repository: str) -> Any:
    """Return what the Hub says about a repository, None where this token sees none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(repository)
    except RepositoryNotFoundError:
        return None


def _made(api: HfApi, repository: str, private: bool, revision: str | None, create_pr: bool) -> Any:
    """Make a repository and return what the Hub says about it.

    Raises:
        InputError: a branch or pull request of a repository that is not there, or a name that somebody has.
    """
    from huggingface_hub.errors import HfHubHTTPError

    if create_pr or revision not in (None, MAIN):
        asked = "--create-pr" if create_pr else f"--revision {revision}"
        raise InputError(f"{repository} is not there yet, or not for this token; push without {asked} to make it.")
    try:
        api.create_repo(repository, private=private or None)
    except HfHubHTTPError as error:
        if status(error) != 409:
            raise
        raise InputError(
            f"The name {repository} is taken, and not by a model that this token may see; choose another name."
        ) from error
    return api.model_info(repository)


def _at_branch(api: HfApi, repository: str, branch: str) -> Any:
    """Return what the Hub says about a branch.

    Raises:
        InputError: the repository has no such branch.
    """
    names = [reference.name for reference in api.list_repo_refs(repository).branches]
    if branch not in names and not branch.startswith("refs/pr/"):
        raise InputError(
            f"{repository} has no branch {branch} (it has {', '.join(names)}); make it with "
            f"`hf repos branch create {repository} {branch}`, or leave out --revision."
        )
    return api.model_info(repository, revision=branch)


def _commit(api: HfApi, target: Target, items: Sequence[Item], title: str) -> tuple[str, str]:
    """Send what is new and make the commit; return its address and hash.

    Raises:
        AudioFTError: the Hub refuses, or the connection breaks.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    sent = {item.path for item in items}
    stale = [path for path in target.files if path not in sent and _ours(path)]
    operations = [CommitOperationAdd(item.path, item.content) for item in items]
    with warnings.catch_warnings():
        # predictions.parquet beside a model is what was asked for.
        warnings.filterwarnings("ignore", message="It seems that you are about to commit a data file")
        try:
            done = api.create_commit(
                target.repository,
                [*operations, *(CommitOperationDelete(path) for path in stale)],
                commit_message=title,
                revision=None if target.branch == MAIN else target.branch,
                create_pr=target.create_pr,
                parent_commit=target.head,
            )
        except hub_errors() as error:
            return _after(api, target, title, error)
    return done.pr_url or done.commit_url, done.oid


def _ours(path: str) -> bool:
    """Return whether a push or a training puts such a file into a repository; other folders are their owner's."""
    return any(fnmatch(path, own) for own in OWNED_PATTERNS if own.count("/") == path.count("/"))


def _after(api: HfApi, target: Target, title: str, error: BaseException) -> tuple[str, str]:
    """Return the commit's address and hash if it arrived although the answer did not.

    Raises:
        AudioFTError: it did not arrive, or nobody knows.
    """
    from huggingface_hub import constants

    repository, after = target.repository, SAFE.format(repository=target.repository)
    if lost(error) and target.create_pr:
        after = UNSURE_PROPOSAL.format(endpoint=constants.ENDPOINT, repository=repository)
    elif lost(error):
        try:
            newest, *before = api.list_repo_commits(repository, revision=target.branch)
        except hub_errors():
            after = UNSURE
        else:
            if newest.title == title and before and before[0].commit_id == target.head:
                return f"{constants.ENDPOINT}/{repository}/commit/{newest.commit_id}", newest.commit_id
    raise refusal(error, repository, after) from error
