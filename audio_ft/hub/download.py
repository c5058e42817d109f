"""Download a model from the Hub into the local cache, or explain why that is not possible."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub.errors import LOG_IN, explain, hub_errors, request_timeout
from audio_ft.models import load_config
from audio_ft.models.checkpoint import lora_folder, weights_folder
from audio_ft.models.scratch import ESTIMATOR_FILE
from audio_ft.run import CHAIN_FILE

# Weights of other frameworks, files that only a training needs, and pickles, which can run code.
UNUSED = ["last-checkpoint/*", "checkpoint-*/*", "pytorch_model*", "training_args.bin", "*.pt", "*.pth", "*.pkl",
          "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "predictions.parquet"]  # fmt: skip
NO_FOLDER = "There is no folder {name}; give a run's folder or a Hub id like user/name."


def pull(repo_id: str, revision: str | None = None, *, only: Sequence[str] = ()) -> Path:
    """Download what the cache lacks of a repository's model and return the folder in the cache.

    Without a network, or with HF_HUB_OFFLINE set, the cached files are used.

    Args:
        repo_id: user/name, or user/name@revision.
        revision: a branch, tag or commit.
        only: names of the files to download, where the repository has them; empty downloads the whole model.

    Raises:
        InputError: there is no such repository or revision, no access to it, or audio_ft cannot use the model.
        AudioFTError: the Hub cannot be reached and the cache has no complete copy.
    """
    from huggingface_hub import snapshot_download

    repository, _, at = repo_id.partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise InputError(NO_FOLDER.format(name=repo_id))
    revision = revision or at or None
    wanted: dict[str, Any] = {"allow_patterns": list(only)} if only else {"ignore_patterns": UNUSED}
    try:
        with request_timeout():
            # Only a repository that has this small file is worth downloading.
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[CHAIN_FILE]))
            has_chain = (folder / CHAIN_FILE).is_file()
            if has_chain:
                folder = Path(snapshot_download(repository, revision=revision, **wanted))
    except hub_errors() as error:
        raise _failure(error, repository, revision) from error
    if not has_chain and not only:
        # A checkpoint of another tool: its configuration first, which tells whether its weights are of use.
        load_config(repository, revision)
        return lora_folder(repository, revision) or weights_folder(repository, revision)
    if not has_chain:
        raise InputError(f"{repository} has no {CHAIN_FILE}: audio_ft did not save it, so it has no run to show.")
    if not only and not (folder / ESTIMATOR_FILE).is_file() and not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{repo_id} has no weights (*.safetensors), or they are not in the cache and there is no network; run this "
            "once with a network."
        )
    return folder


def _failure(error: Exception, repository: str, revision: str | None) -> AudioFTError:
    """Return the error to raise for what the client raised: an `InputError` where another input helps."""
    from huggingface_hub import constants, errors, get_token

    address, inner = f"{constants.ENDPOINT}/{repository}", error.__cause__ or error
    if isinstance(error, errors.HFValidationError):
        return InputError(NO_FOLDER.format(name=repository))
    if isinstance(error, errors.LocalEntryNotFoundError):
        missing = f"{repository} is neither a local folder nor complete in the cache, and"
        if constants.is_offline_mode() or isinstance(inner, errors.OfflineModeIsEnabled):
            return InputError(f"{missing} HF_HUB_OFFLINE is set; run this once without HF_HUB_OFFLINE.")
        return AudioFTError(f"{missing} {explain(inner, repository)}.")
    if isinstance(error, errors.GatedRepoError):
        login = "with the account that is logged in" if get_token() else f"and {LOG_IN}"
        return InputError(f"{repository} is gated: request access at {address}, {login}.")
    if isinstance(error, errors.RevisionNotFoundError):
        return InputError(f"{repository} has no branch, tag or commit {revision!r}; {address}/tree/main lists them.")
    if isinstance(error, errors.RepositoryNotFoundError):
        seen = "that the logged-in account can see" if get_token() else f"that is public (if it is private, {LOG_IN})"
        return InputError(f"There is no folder {repository}, and no model of that name on the Hub {seen}.")
    return AudioFTError(f"{repository} cannot be downloaded: {explain(error, repository)}.")
