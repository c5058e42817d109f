"""Put a finished model on the Hub, in one commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_ft.errors import AudioFTError, InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.run import Run

# What the people who meet the model need to be told; only its maker knows it.
TOLD = ("intended_use", "limits", "consent")


def check(recipe: Recipe, repository: str) -> None:
    """Refuse, before any training, what could not be pushed after it.

    Raises:
        InputError: no token, a name that is no repository's, or a recipe that does not say what the model is for, what
            it cannot do, and that the people recorded agreed.
    """
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InputError(f"{repository!r} is no repository on the Hub; give one like user/name.") from error
    untold = [name for name in TOLD if not getattr(recipe, name).strip()]
    if untold:
        raise InputError(
            f"A model is pushed with a word on its use, and the recipe's {', '.join(untold)} "
            f"{'are' if len(untold) > 1 else 'is'} empty; fill in the recipe, or --set {untold[0]}=…"
        )
    if not get_token():
        raise InputError("Pushing needs a token of the Hub, and none is set; run `hf auth login`, or set HF_TOKEN.")


def push(run: Run, repository: str) -> str:
    """Upload a run's model folder in one commit, into a repository made if need be, and return the commit's address.

    Raises:
        AudioFTError: the Hub refuses, or cannot be reached; the run itself is safe.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        made = api.create_repo(repository, exist_ok=True)
        commit = api.upload_folder(
            repo_id=made.repo_id, folder_path=run.model_folder, commit_message=f"Add {run.recipe.name or 'model'}"
        )
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AudioFTError(
            f"The run in {run.folder} is finished, and pushing it to {repository} failed ({said}); "
            f"push again with `hf upload {repository} {run.model_folder}`."
        ) from error
    return str(commit.commit_url)
