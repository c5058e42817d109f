"""Push a finished run to the Hub: everything in one commit, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from audio_ft.data.rights import refusals
from audio_ft.errors import InputError
from audio_ft.hub.bundle import repository_files
from audio_ft.hub.commit import AGAIN, commit
from audio_ft.hub.errors import explained
from audio_ft.hub.repository import (
    MAIN,
    check_may_create,
    check_repo_id,
    find_or_create,
    hub_api,
    repository_exists,
)
from audio_ft.recipe import Recipe
from audio_ft.run import Run

# The branch for checkpoints of a training that is still running; main shows finished models only.
TRAINING_BRANCH = "training"
# A push deletes files of these names that it does not send itself: left from an earlier push or a running training,
# transformers would load them along with the new weights.
OWNED_PATTERNS = (
    "*.safetensors", "*.skops", "*.safetensors.index.json", "pytorch_model*", "training_args.bin", "last-checkpoint/*",
    "checkpoint-*/*", "*_config.json", "vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json",
    "special_tokens_map.json", "normalizer.json", "predictions.parquet", ".eval_results/*.yaml", "adapter/*",
    "sample_audio/*.wav",
)  # fmt: skip
NOTHING_PUSHED = f"This push committed nothing. {AGAIN}"
NOTHING_TRAINED = "Nothing was trained yet."


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
    run: Run | str | Path,
    repo_id: str,
    *,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
    predictions: bool = False,
    samples: Sequence[tuple[str, Path]] = (),
    dry_run: bool = False,
    smoke: bool = False,
    token: str | None = None,
) -> Pushed:
    """Push a run's model, chain, recipe, run.json and card in one commit; create the repository if needed.

    Afterwards the files on the branch are listed and compared with what was sent: names, sizes, and hashes where the
    server gives them.

    Args:
        run: a finished run, or its folder.
        repo_id: user/name on the Hub.
        private: make a new repository private; an existing public one is an error.
        revision: an existing branch to push to.
        create_pr: open a pull request against the main branch instead.
        predictions: also send predictions.parquet: names of recordings and speakers, targets and predictions.
        samples: recordings that the page of the model offers to try, each with its title; their speakers must have
            agreed to that.
        dry_run: send nothing, and return what would be sent.
        smoke: push a smoke run, whose card says that its scores mean nothing; without it, that is an error.
        token: a token of the Hub; None takes the one of `hf auth login` or HF_TOKEN.

    Raises:
        InputError: the name, branch or token is not valid, the repository is not what was asked for, or the recipe
            lacks a field that the card needs.
        AudioFTError: the Hub rejects the push, cannot be reached, or does not list afterwards what was sent.
    """
    check_repo_id(repo_id)
    run = Run.of(run)
    _check_run(run, smoke=smoke)
    if create_pr and revision not in (None, MAIN):
        raise InputError(f"A pull request is opened against {MAIN}; leave out --revision or --create-pr.")
    if samples:
        _check_consent(run)
    files = repository_files(run, repo_id, predictions=predictions, samples=samples)
    sizes = tuple((file.path_in_repo, file.upload_info.size) for file in files)
    if dry_run:
        return Pushed(repo_id, "", "", sizes, changed=False)
    api = hub_api(token)
    with explained(repo_id, NOTHING_PUSHED):
        place = find_or_create(api, repo_id, private=private, revision=revision, create_pr=create_pr)
        sent = {file.path_in_repo for file in files}
        stale = [path for path in place.files if path not in sent and _is_owned(path)]
        title = f"Add {'smoke run ' if run.smoke else ''}{run.recipe.name or 'model'}"
        made = commit(api, place, files, title, stale)
    return Pushed(repo_id, made.url, made.oid, sizes, made.changed)


def _check_consent(run: Run) -> None:
    """Refuse to publish recordings where some of the data are without consent."""
    if refused := refusals(run.data.get("rights", {})):
        raise InputError(
            f"Sample audio is published, and {refused:,} rows of the data are without consent; leave them out of the "
            "training (see the warning of the run), or push without samples."
        )


def _check_run(run: Run, *, smoke: bool) -> None:
    """Refuse a run without its model, and a smoke run unless it is meant."""
    run.require_model()
    if run.smoke and not smoke:
        raise InputError(
            f"{run.folder} is a smoke run, whose scores mean nothing. Train without --smoke, or push it anyway with "
            "--smoke: its card then says what it is."
        )


def check_before_training(recipe: Recipe, repository: str, *, create: bool = True) -> None:
    """Check before a training that its run can be pushed afterwards; `create` the repository and the branch.

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
        if not create and not repository_exists(api, repository):
            check_may_create(api, repository)
            return
        find_or_create(api, repository, private=is_private(recipe), revision=None, create_pr=False)
        if create and sends_checkpoints(recipe):
            branch = recipe.training.get("hub_revision") or TRAINING_BRANCH
            api.create_branch(repository, branch=branch, exist_ok=True)


def sends_checkpoints(recipe: Recipe) -> bool:
    """Return whether checkpoints go to a branch during training; those of LoRA are not complete models."""
    return recipe.peft != "lora" and recipe.training.get("hub_strategy") != "end"


def is_private(recipe: Recipe) -> bool:
    """Return whether a recipe asks for a private repository, with Trainer's own setting."""
    return bool(recipe.training.get("hub_private_repo"))


def _is_owned(path: str) -> bool:
    """Return whether a push or a training writes such a file; other files and folders belong to the user."""
    return any(fnmatch(path, pattern) for pattern in OWNED_PATTERNS if pattern.count("/") == path.count("/"))
