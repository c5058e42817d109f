"""What a server takes at most: bytes, seconds and requests at once; what is beyond is refused in one sentence."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audio_ft.errors import InputError
from audio_ft.formatting import counted, format_size
from audio_ft.serving.answer import MAX_BYTES, MAX_SECONDS

logger = logging.getLogger(__name__)

# A browser opens six connections to a host, and a script of a few workers as many; more wait for their answers anyway.
MAX_REQUESTS = 16
# A client that sends nothing for so long (s) in the middle of a request holds a place that others need.
PATIENCE = 30.0
# After a refusal what is still being sent is read up to this many bytes, because a connection that is closed while its
# client sends loses the sentence; a client that sends more than that does not read.
DRAINED = 64_000_000
_KINDS = {429: "rate_limit_exceeded", 500: "server_error", 503: "server_error"}

Scope = dict[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """Say what one request may send, and how many there may be at once, those that wait included.

    Raises:
        InputError: a limit that is not above 0.
    """

    seconds: float = MAX_SECONDS
    bytes: int = MAX_BYTES
    requests: int = MAX_REQUESTS

    def __post_init__(self) -> None:
        for name in ("seconds", "bytes", "requests"):
            if not getattr(self, name) > 0:
                raise InputError(f"the limit of {name}: expected more than 0, got {getattr(self, name)}")


class Refused(Exception):
    """A request that is not served: a status of HTTP, and why in one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence

    @property
    def body(self) -> bytes:
        """Return the answer in the form that OpenAI's clients read."""
        kind = _KINDS.get(self.status, "invalid_request_error")
        return json.dumps({"error": {"message": self.sentence, "type": kind, "param": None, "code": None}}).encode()

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the answer; clients come again after a second where that may help."""
        later = {"retry-after": "1"} if self.status in (429, 503) else {}
        return {"content-type": "application/json", **later}


class Gate:
    """Let through what is within the limits, as middleware of ASGI; all under `guarded` counts as a request.

    Requests are counted from their first byte on, so that bodies of those that would be refused are never kept.
    `closing` says whether the server has been told to stop.
    """

    def __init__(self, app: Any, limits: Limits, guarded: str = "/v1/audio/") -> None:
        self.app, self.limits, self.guarded = app, limits, guarded
        self.running = 0
        self.closing: Callable[[], bool] = lambda: False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve or refuse one request."""
        if scope["type"] not in ("http", "websocket") or not scope["path"].startswith(self.guarded):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            scope["refused"] = self._why_not({})
            await self._counted(scope, receive, send)
            return
        began, status = time.monotonic(), 499  # the client left

        async def answered(message: Message) -> None:
            nonlocal status
            if limited.refused is None:
                status = message.get("status", status)
                await send(message)

        limited = _Body(receive, self.limits.bytes)
        limited.refused = self._why_not(dict(scope["headers"]))
        if limited.refused is None:
            await self._counted(scope, limited, answered)
        # What the application makes of a body that breaks off is not sent.
        if limited.refused is not None:
            status = limited.refused.status
            await _refuse(limited.refused, send)
            await limited.drain()
        logger.info("%s %s: %s in %.2f s", scope["method"], scope["path"], status, time.monotonic() - began)

    def _why_not(self, headers: dict[bytes, bytes]) -> Refused | None:
        """Return why a request is refused before anything of it is read."""
        if self.closing():
            return Refused(503, "The server is stopping; send the request again later.")
        if self.running >= self.limits.requests:
            waiting = counted(self.running, "request")
            return Refused(429, f"The server has {waiting} to answer, the most it takes; send this one again later.")
        length = headers.get(b"content-length", b"")
        return _too_large(self.limits.bytes) if length.isdigit() and int(length) > self.limits.bytes else None

    async def _counted(self, scope: Scope, receive: Any, send: Any) -> None:
        self.running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.running -= 1


class _Body:
    """Receive the body of a request, as long as it is small enough and its client goes on sending; else it ends."""

    def __init__(self, receive: Any, most: int) -> None:
        self._receive, self._most = receive, most
        self._seen, self._whole = 0, False
        self.refused: Refused | None = None

    async def __call__(self) -> Message:
        if self._whole:  # what follows is the news that the client has left, for which there is no hurry
            return await self._receive()  # type: ignore[no-any-return]
        try:
            message: Message = await asyncio.wait_for(self._receive(), PATIENCE)
        except asyncio.TimeoutError:
            return self._end(Refused(408, f"Nothing was received for {PATIENCE:g} s; send the request again."))
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        return message if self._seen <= self._most else self._end(_too_large(self._most))

    def _end(self, refused: Refused) -> Message:
        self.refused = self.refused or refused
        return {"type": "http.disconnect"}

    async def drain(self) -> None:
        """Read and forget the rest of the body, as far as a client that reads its answer sends one."""
        self._most, end = self._seen + DRAINED, time.monotonic() + PATIENCE
        while not self._whole and time.monotonic() < end and (await self())["type"] == "http.request":
            pass


def _too_large(most: int) -> Refused:
    return Refused(413, f"The request is larger than {format_size(most)}, the most that is accepted.")


async def _refuse(refused: Refused, send: Any) -> None:
    headers = [(name.encode(), value.encode()) for name, value in refused.headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": refused.body})
