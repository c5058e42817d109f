"""What the Hub says no with, as one sentence that tells how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from audio_ft.errors import AudioFTError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

# Seconds without a sign of life after which a connection counts as broken. The client itself would wait for ever; a
# commit of many files takes the Hub a minute.
CONNECTING, SENDING, WAITING = 15.0, 60.0, 180.0
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


def hub_errors() -> tuple[type[Exception], ...]:
    """Return the errors that the client raises for what the Hub or the network does."""
    from httpx2 import HTTPError

    # RuntimeError wraps what went wrong in an upload's thread; ValueError and KeyError are answers that no Hub gives.
    return (HTTPError, OSError, RuntimeError, ValueError, KeyError)


def cause(error: BaseException) -> BaseException:
    """Return what the client wrapped: the Hub's answer or the network's failure."""
    from httpx2 import HTTPError

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HTTPError | ConnectionError):
            return seen
        seen = seen.__cause__
    return error


def status(error: BaseException) -> int | None:
    """Return the HTTP status of the Hub's answer, None where there was no answer."""
    from huggingface_hub.errors import HfHubHTTPError

    inner = cause(error)
    return inner.response.status_code if isinstance(inner, HfHubHTTPError) else None


def lost(error: BaseException) -> bool:
    """Tell whether nobody knows what the Hub did with the request: it broke there, or on the way."""
    from httpx2 import TransportError

    code = status(error)
    return code >= 500 if code is not None else isinstance(cause(error), TransportError)


def sentence(error: BaseException, repository: str) -> str:
    """Return what went wrong with a repository and the mend, as a sentence without its full stop."""
    from httpx2 import HTTPError
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        return f"the Hub does not take the card's metadata ({_told(error)[-1].lstrip('- ')})"
    inner = cause(error)
    if isinstance(inner, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the Hub is not asked; unset it to reach the Hub"
    if isinstance(inner, HfHubHTTPError):
        return _answered(inner, repository)
    said = _told(inner)[0]
    if isinstance(inner, HTTPError | ConnectionError):
        return f"the connection to {constants.ENDPOINT} failed ({said}); see to the network and run this again"
    if isinstance(inner, OSError):
        return f"a file cannot be read or written here ({said})"
    return f"{constants.ENDPOINT} does not answer as a Hub does ({said}); see whether HF_ENDPOINT is right"


def _answered(error: HfHubHTTPError, repository: str) -> str:
    """Return the sentence for an answer of the Hub."""
    from huggingface_hub import constants

    code, said = error.response.status_code, words(error)
    if code < 500 and not str(error.response.url).startswith(constants.ENDPOINT):
        return f"the place where the Hub keeps large files refuses one ({said}); run this again"
    tokens = f"{constants.ENDPOINT}/settings/tokens"
    if code == 401:
        return f"the Hub does not know the token ({said}); {LOG_IN} to one of {tokens}"
    if code == 403:
        return (
            f"the token may not write to {repository} ({said}); use one that may ({tokens}), another repository, or "
            "--create-pr to propose the change to its owner"
        )
    if code == 404:
        return f"there is no {repository} on the Hub that this token may see ({said}); is the name right?"
    if code in (409, 412):
        return (
            f"somebody else wrote to {repository} at the same time ({said}); look at "
            f"{constants.ENDPOINT}/{repository}/commits/main, then run this again to come after them"
        )
    if code == 429:
        return f"the Hub asks to wait ({said}); run this again in some minutes"
    if code >= 500:
        return f"the Hub is in trouble ({said}); run this again later"
    return f"the Hub refuses ({said})"


def _told(error: BaseException) -> list[str]:
    """Return the lines of an error's message; its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()


def words(error: HfHubHTTPError) -> str:
    """Return the Hub's own words, with the status that it gave."""
    said = (error.server_message or "").strip().splitlines()
    return f"{error.response.status_code}: {said[0]}" if said else str(error.response.status_code)


def refusal(error: BaseException, repository: str, after: str) -> AudioFTError:
    """Return the error to raise; `after` says how things stand now."""
    told = sentence(error, repository)
    return AudioFTError(f"{told[0].upper()}{told[1:]}. {after}")


@contextmanager
def request_timeout() -> Iterator[None]:
    """Give up on a connection that says nothing for minutes, for as long as the context lasts."""
    from httpx2 import Timeout
    from huggingface_hub import get_session

    session = get_session()
    before = session.timeout
    session.timeout = Timeout(connect=CONNECTING, write=SENDING, read=WAITING, pool=None)
    try:
        yield
    finally:
        session.timeout = before
