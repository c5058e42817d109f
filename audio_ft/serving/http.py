"""The server: OpenAI's route for transcripts, one for other predictions, and a page to try both."""

# No `from __future__ import annotations`: FastAPI evaluates annotations, and could not find what is imported inside.

import logging
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audio_ft.errors import InputError
from audio_ft.formatting import escaped
from audio_ft.inference.output_formats import file_content
from audio_ft.serving.desk import SUBTITLES, Desk, with_notes
from audio_ft.serving.limits import Gate, Refused
from audio_ft.serving.page import page_of
from audio_ft.serving.stream import stream

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

logger = logging.getLogger(__name__)


def application(desk: Desk) -> "FastAPI":
    """Return the routes of a server for one model.

    Raises:
        InputError: fastapi is not installed.
    """
    try:
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
        from fastapi import FastAPI
        from fastapi.responses import HTMLResponse
    except ImportError as error:
        raise InputError(f"The server needs fastapi ({error}): pip install 'audio-ft[serve]'.") from error
    # Its pages of documentation load scripts from elsewhere; /openapi.json says the same.
    app = FastAPI(title=desk.name, docs_url=None, redoc_url=None)
    page = page_of(desk)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def try_it() -> str:
        return page

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "model": desk.name, "predicts": desk.target.wording.short}

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": desk.name, "object": "model", "created": 0, "owned_by": "audio_ft"}]}

    _transcriptions(app, desk)
    _classifications(app, desk)
    _stream(app, desk)
    _refusals(app)
    return app


def _transcriptions(app: "FastAPI", desk: Desk) -> None:
    """Add https://platform.openai.com/docs/api-reference/audio/createTranscription, without what needs its model."""
    from fastapi import Form, UploadFile
    from fastapi.responses import JSONResponse, PlainTextResponse, Response
    from pydantic import BaseModel, Field

    class Asked(BaseModel, extra="forbid"):
        file: UploadFile
        model: str | None = None
        response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
        language: str | None = None
        temperature: float = 0.0
        timestamp_granularities: list[Literal["word", "segment"]] = Field([], alias="timestamp_granularities[]")

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(asked: Annotated[Asked, Form(media_type="multipart/form-data")]) -> Response:
        desk.require(by_words=True, name=asked.model)
        spoken = desk.target.text.language
        if asked.language and asked.language != spoken:
            raise Refused(422, f"This server transcribes {spoken or 'the language that it hears'}; start it with "
                               f"--language {asked.language!r}, or leave language out.")  # fmt: skip
        if asked.temperature:
            raise Refused(422, "This server does not sample; leave temperature out, or set it to 0.")
        form, words = asked.response_format, "word" in asked.timestamp_granularities
        if words and form != "verbose_json":
            raise Refused(422, "timestamp_granularities need response_format verbose_json; set it, or leave them out.")
        prediction = await desk.predict(asked.file.file, words=words or form in SUBTITLES)
        if form in ("text", *SUBTITLES):
            return PlainTextResponse(file_content("recording", prediction, form, desk.target))
        content = {"text": prediction["text"]} if form == "json" else desk.verbose(prediction, words=words)
        return JSONResponse(with_notes(content, prediction))


def _classifications(app: "FastAPI", desk: Desk) -> None:
    """Add the route of labels, numbers and events, whose answer is a line of `predict --json`."""
    from fastapi import Form, UploadFile
    from pydantic import BaseModel, Field

    class Asked(BaseModel, extra="forbid"):
        file: UploadFile
        model: str | None = None
        top_k: int | None = Field(None, ge=1)

    @app.post("/v1/audio/classifications")
    async def classifications(asked: Annotated[Asked, Form(media_type="multipart/form-data")]) -> dict[str, Any]:
        desk.require(by_words=False, name=asked.model)
        prediction = await desk.predict(asked.file.file, top_k=asked.top_k)
        return with_notes({**desk.target.as_json(prediction), "duration": round(prediction.seconds, 3)}, prediction)


def _stream(app: "FastAPI", desk: Desk) -> None:
    """Add the route of live audio."""
    from fastapi import WebSocket

    @app.websocket("/v1/audio/stream")
    async def live(socket: WebSocket, rate: int = 16_000) -> None:
        await stream(desk, socket, rate)


def _refusals(app: "FastAPI") -> None:
    """Let every answer that is not a prediction be one sentence, in the form that OpenAI's clients read."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import Response
    from starlette.exceptions import HTTPException

    def answer(refused: Refused) -> Response:
        return Response(refused.body, refused.status, refused.headers)

    @app.exception_handler(Refused)
    async def refuse(request: Request, error: Refused) -> Response:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(Refused(422, _why_invalid(error.errors()[0])))

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        reason = f"{request.method} {escaped(request.url.path)[:80]}: {error.detail.rstrip('.')}"
        return answer(Refused(error.status_code, f"{reason}; GET /openapi.json lists what there is."))

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        logger.warning("warning: a request failed: %s: %s", type(error).__name__, error)
        return answer(Refused(500, "The server failed with this request; its log says why."))


def _why_invalid(fault: Mapping[str, Any]) -> str:
    """Return what is wrong with a field of a request, as pydantic describes it."""
    name = escaped(" ".join(str(part) for part in fault["loc"] if part != "body"))[:80] or "the request"
    if fault["type"] == "extra_forbidden":
        return f"There is no field {name!r}; GET /openapi.json lists those that there are."
    if name == "file":
        return "file: send the recording as a file of a form (multipart/form-data)."
    return f"{name}: {fault['msg']}."


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        InputError: the port is taken, or the address is not of this machine.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise InputError(f"The server cannot listen at {host}, port {port} ({error}); give another --port.") from error


def server_of(desk: Desk) -> "uvicorn.Server":
    """Return a server, whose `run(sockets=[bound(…)])` serves until it is told to stop and then finishes what runs.

    Raises:
        InputError: fastapi is not installed.
    """
    gate = Gate(application(desk), desk.limits)
    import uvicorn

    config = uvicorn.Config(gate, log_config=None, access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    gate.closing = lambda: bool(server.should_exit)
    return server
