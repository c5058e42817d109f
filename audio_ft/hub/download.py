"""Bring a model from the Hub into the local cache, or say plainly why it cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audio_ft.errors import AudioFTError, InputError
from audio_ft.hub.errors import LOG_IN, hub_errors, request_timeout, sentence
from audio_ft.run import CHAIN_FILE

# Other frameworks' weights, what only a training needs, and pickles, which nobody should open.
UNUSED = ["last-checkpoint/*", "checkpoint-*/*", "pytorch_model*", "training_args.bin", "*.pt", "*.pth", "*.pkl",
          "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "predictions.parquet"]  # fmt: skip


def pull(place: str, revision: str | None = None, *, only: Sequence[str] = ()) -> Path:
    """Return the folder in the cache that holds a repository's model, downloaded as far as it is not there yet.

    Without a network, or with HF_HUB_OFFLINE set, what was downloaded before is used.

    Args:
        place: a repository's id, which may name its revision itself, user/name@v2.
        revision: a branch, tag or commit.
        only: files that are all one needs, as far as the repository has them; all that a model takes where empty.

    Raises:
        InputError: there is no such repository or revision, it is not for this token, or audio_ft did not make it.
        AudioFTError: the Hub cannot be reached and the cache has no copy.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, at = place.partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "/", "~")):
        raise InputError(f"There is no folder {place}; give a run's folder or a Hub id like user/name.")
    revision = revision or at or None
    try:
        with request_timeout():
            # A small file first: it tells whether the large ones are of any use.
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=[CHAIN_FILE]))
            ours = (folder / CHAIN_FILE).is_file()
            if ours:
                wanted, unwanted = (list(only), None) if only else (None, UNUSED)
                folder = Path(
                    snapshot_download(repository, revision=revision, allow_patterns=wanted, ignore_patterns=unwanted)
                )
    except HFValidationError as error:
        raise InputError(f"There is no folder {repository}; give a run's folder or a Hub id like user/name.") from error
    except LocalEntryNotFoundError as error:
        raise _not_cached(error, repository) from error
    except HfHubHTTPError as error:
        raise _refused(error, repository, revision) from error
    except hub_errors() as error:
        raise AudioFTError(f"{repository} cannot be fetched: {sentence(error, repository)}.") from error
    if not ours:
        raise InputError(
            f"{repository} has no {CHAIN_FILE}, so how its training audio was cleaned is unknown; audio_ft loads "
            "models that audio_ft saved. Any checkpoint can be trained further: `audio-ft train --model`."
        )
    if not only and not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{place} has no weights (*.safetensors), or without a network only what was fetched before, which was not "
            "them; run once with a network."
        )
    return folder


def _not_cached(error: BaseException, repository: str) -> AudioFTError:
    """Return the error for a model that is not in the cache while the Hub cannot be asked."""
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled

    inner = error.__cause__ or error
    if constants.is_offline_mode() or isinstance(inner, OfflineModeIsEnabled):
        return InputError(
            f"{repository} is no folder here, nor whole in the cache, and HF_HUB_OFFLINE keeps the Hub from being "
            "asked; run once without HF_HUB_OFFLINE."
        )
    return AudioFTError(f"{repository} is no folder here, nor whole in the cache, and {sentence(inner, repository)}.")


def _refused(error: BaseException, repository: str, revision: str | None) -> AudioFTError:
    """Return the error for an answer of the Hub."""
    from huggingface_hub import constants, get_token
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    address = f"{constants.ENDPOINT}/{repository}"
    if isinstance(error, GatedRepoError):
        mend = "with the account that is logged in" if get_token() else f"and {LOG_IN}"
        return InputError(f"{repository} is given only to those who ask its owner; ask at {address}, {mend}.")
    if isinstance(error, RevisionNotFoundError):
        return InputError(f"{repository} has no branch, tag or commit {revision!r}; {address}/tree/main lists them.")
    if isinstance(error, RepositoryNotFoundError):
        seen = (
            "the account that is logged in may see" if get_token() else f"is open to all (if it is private, {LOG_IN})"
        )
        return InputError(f"There is no folder {repository}, nor a model of that name on the Hub that {seen}.")
    return AudioFTError(f"{repository} cannot be fetched: {sentence(error, repository)}.")
