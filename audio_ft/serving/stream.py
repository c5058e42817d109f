"""Live audio over a WebSocket: raw samples in, and what the model makes of them out, a JSON object each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.formatting import format_duration
from audio_ft.inference.sources import as_clip
from audio_ft.inference.streaming.choice import detector_for, listener_for
from audio_ft.inference.streaming.listener import Listener
from audio_ft.inference.streaming.live import Clock, TimedMessage
from audio_ft.serving import limits
from audio_ft.serving.desk import Desk
from audio_ft.serving.limits import Refused

if TYPE_CHECKING:
    from fastapi import WebSocket

    from audio_ft.audio.clip import Clip

# Rates of microphones, in Hz.
RATES = (8_000, 192_000)
# What ends a stream: its client has nothing more to say.
END = "end"
# Messages of a client that wait for the model; then the client has to wait.
WAITING = 256
# The codes of WebSocket (RFC 6455) for a refusal: what was sent breaks a rule, or others are served.
_POLICY, _TRY_LATER, _NORMAL = 1008, 1013, 1000


async def stream(desk: Desk, socket: WebSocket, rate: int) -> None:
    """Serve one client: binary messages are samples of 16 bits, one channel, little-endian; the text "end" ends it."""
    from fastapi import WebSocketDisconnect

    await socket.accept()
    inbox: asyncio.Queue[bytes | Refused | None] = asyncio.Queue(WAITING)
    reading = asyncio.create_task(_read(socket, inbox, rate, desk.limits.seconds))
    try:
        if refused := socket.scope.get("refused"):
            raise refused
        if not RATES[0] <= rate <= RATES[1]:
            raise Refused(422, f"rate: expected {RATES[0]:,} to {RATES[1]:,} Hz, got {rate:,}.")
        async for timed in _answers(desk, inbox, rate):
            await socket.send_json(timed.as_json())
        await socket.close(_NORMAL)
    except Refused as refused:
        await socket.send_json({"type": "error", "message": refused.sentence})
        await socket.close(_TRY_LATER if refused.status in (429, 503) else _POLICY)
    except WebSocketDisconnect:  # nobody is there to be told
        return
    finally:
        reading.cancel()


async def _read(socket: WebSocket, inbox: asyncio.Queue[bytes | Refused | None], rate: int, most: float) -> None:
    """Put what a client sends into the inbox, None at its end, and why it is refused if it is."""
    samples = 0
    while True:
        try:
            message = await asyncio.wait_for(socket.receive(), limits.PATIENCE)
        except asyncio.TimeoutError:
            return await inbox.put(Refused(408, f"Nothing was received for {limits.PATIENCE:g} s."))
        if message["type"] == "websocket.disconnect" or message.get("text") == END:
            return await inbox.put(None)
        part = message.get("bytes")
        if part is None or len(part) % 2:
            return await inbox.put(Refused(422, f'Send samples of 16 bits as binary messages, or the text "{END}".'))
        samples += len(part) // 2
        if samples > most * rate:
            longest = format_duration(most)
            return await inbox.put(Refused(413, f"The stream is longer than {longest}, the most that is accepted."))
        await inbox.put(part)


async def _answers(desk: Desk, inbox: asyncio.Queue[Any], rate: int) -> AsyncIterator[TimedMessage]:
    """Yield what the model makes of the samples of the inbox; what came since the last answer is one chunk."""
    listener, clock = listener_for(desk.model, detector_for(desk.model)), Clock()
    clock.now()
    while True:
        found = [await inbox.get()]
        while not inbox.empty():
            found.append(inbox.get_nowait())
        samples = b"".join(part for part in found if isinstance(part, bytes))
        clip = as_clip((np.frombuffer(samples, "<i2"), rate)) if samples else None
        for message in await desk.run(lambda clip=clip, last=found[-1] is None: _messages(listener, clip, last)):  # type: ignore[misc]
            yield TimedMessage(message, clock.now())
        if isinstance(found[-1], Refused):
            raise found[-1]
        if found[-1] is None:
            return


def _messages(listener: Listener, clip: Clip | None, last: bool) -> list[Any]:
    return [*(listener.feed(clip) if clip else ()), *(listener.end() if last else ())]
