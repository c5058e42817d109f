"""Failures of the Hub and the network, explained in one sentence that says how to fix them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from audio_ft.errors import AudioFTError
from audio_ft.formatting import capitalized

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

# Timeouts in seconds. The client has none of its own; a commit of many files takes the Hub a minute.
CONNECT_TIMEOUT, WRITE_TIMEOUT, READ_TIMEOUT = 15.0, 60.0, 180.0
# The statuses of a request that a server does not know, at this address or at all.
NO_ROUTE = (404, 405, 501)
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"

_COLLISION = (
    "somebody else wrote to {repository} at the same time ({message}); look at {endpoint}/{repository}/commits/main, "
    "then run this again to push on top of their commit"
)
# What error responses of the Hub mean, by their status.
_RESPONSES = {
    401: "the token is not valid ({message}); {log_in} to one from {endpoint}/settings/tokens",
    403: "the token has no write access to {repository} ({message}); use a token that has "
    "({endpoint}/settings/tokens), another repository, or --create-pr to propose the change to its owner",
    404: "there is no {repository} on the Hub that this token can see ({message}); check the name",
    501: "{endpoint} cannot do this ({request}: {message}); it lacks a part of the Hub's API that this needs",
    409: _COLLISION,
    412: _COLLISION,
    429: "the Hub asks to slow down ({message}); run this again in a few minutes",
}


def hub_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that the client raises when the Hub or the network fails."""
    from httpx2 import HTTPError

    # RuntimeError wraps an error from an upload thread; ValueError and KeyError come from a malformed response.
    return (HTTPError, OSError, RuntimeError, ValueError, KeyError)


def status_code(error: BaseException) -> int | None:
    """Return the HTTP status of the Hub's response, None where there was no response."""
    from huggingface_hub.errors import HfHubHTTPError

    inner = _root_cause(error)
    return inner.response.status_code if isinstance(inner, HfHubHTTPError) else None


def lacks_route(error: BaseException) -> bool:
    """Return whether the server has no such request at all: something else than a missing repository or file."""
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    missing = (EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError)
    return status_code(error) in NO_ROUTE and not isinstance(_root_cause(error), missing)


def outcome_unknown(error: BaseException) -> bool:
    """Return whether the Hub may have done what was requested although the request failed."""
    from httpx2 import TransportError

    code = status_code(error)
    return code >= 500 and code not in NO_ROUTE if code is not None else isinstance(_root_cause(error), TransportError)


def explain(error: BaseException, repository: str) -> str:
    """Return what went wrong with a repository and how to fix it: a sentence in lower case without its full stop."""
    from httpx2 import HTTPError
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, ValueError) and "metadata in README.md" in str(error):
        return f"the Hub rejects the metadata of the model card ({_message_lines(error)[-1].lstrip('- ')})"
    inner = _root_cause(error)
    if isinstance(inner, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so the Hub is not contacted; unset it to reach the Hub"
    if isinstance(inner, HfHubHTTPError):
        return _explain_response(inner, repository)
    message = _message_lines(inner)[0]
    if isinstance(inner, HTTPError | ConnectionError):
        return f"the connection to {constants.ENDPOINT} failed ({message}); check the network and run this again"
    if isinstance(inner, OSError):
        return f"a local file cannot be read or written ({message})"
    return f"{constants.ENDPOINT} does not respond like the Hub ({message}); check HF_ENDPOINT"


def _explain_response(error: HfHubHTTPError, repository: str) -> str:
    from huggingface_hub import constants

    code, lines = error.response.status_code, (error.server_message or "").strip().splitlines()
    if code < 500 and not str(error.response.url).startswith(constants.ENDPOINT):
        text = "the Hub's storage for large files rejected an upload ({message}); run this again"
    elif lacks_route(error):
        text = _RESPONSES[501]
    elif code >= 500:
        text = "the Hub has a server error ({message}); run this again later"
    else:
        text = _RESPONSES.get(code, "the Hub rejected the request ({message})")
    message = f"{code}: {lines[0]}" if lines else str(code)
    request = f"{error.response.request.method} {error.response.url.path}"
    return text.format(
        message=message, repository=repository, request=request, endpoint=constants.ENDPOINT, log_in=LOG_IN
    )


def _root_cause(error: BaseException) -> BaseException:
    """Return the HTTP or connection error that the client wrapped, or the error itself."""
    from httpx2 import HTTPError

    current: BaseException | None = error
    while current is not None:
        if isinstance(current, HTTPError | ConnectionError):
            return current
        current = current.__cause__
    return error


def _message_lines(error: BaseException) -> list[str]:
    """Return the lines of an error's message, or its class name where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()


@contextmanager
def explained(repository: str, consequence: str) -> Iterator[None]:
    """Set timeouts on the Hub's client, and raise failures as `AudioFTError`.

    `consequence` is a sentence about what was done so far, which ends the message.
    """
    try:
        with request_timeout():
            yield
    except AudioFTError:
        raise
    except hub_errors() as error:
        raise AudioFTError(f"{capitalized(explain(error, repository))}. {consequence}") from error


@contextmanager
def request_timeout() -> Iterator[None]:
    """Set timeouts on the Hub's client for as long as the context lasts."""
    from httpx2 import Timeout
    from huggingface_hub import get_session

    session = get_session()
    before = session.timeout
    session.timeout = Timeout(connect=CONNECT_TIMEOUT, write=WRITE_TIMEOUT, read=READ_TIMEOUT, pool=None)
    try:
        yield
    finally:
        session.timeout = before
