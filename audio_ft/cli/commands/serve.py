"""Serve a model: OpenAI's transcriptions, labels, and live audio."""

from __future__ import annotations

import argparse
from contextlib import suppress

from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.inputs import name_of, run_of
from audio_ft.cli.options import LOCAL, add_options, add_server_options, number

STAGE = "share"
EPILOG = """examples:
  audio-ft serve runs/speech
  curl -F file=@talk.m4a -F response_format=srt http://127.0.0.1:8000/v1/audio/transcriptions
  curl -F file=@door.wav http://127.0.0.1:8000/v1/audio/classifications

Programs that use OpenAI's transcriptions need base_url="http://127.0.0.1:8000/v1" and any key. A browser gets a page
to try the model with a file or the microphone. Requests are answered one after another; Ctrl-C finishes those that
run. The server is reached from this machine alone unless --host is given, and it asks nobody for a key: put a proxy
that does in front of it before others reach it. It needs fastapi: pip install 'audio-ft[serve]'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    add_options(parser, "model")
    add_server_options(parser, port="default: 8000; 0 is any free one")
    count = number(int, lambda requests: requests >= 1, "a whole number of at least 1")
    most = "requests at once, those that wait included (default: 16)"
    parser.add_argument("--max-requests", metavar="N", type=count, help=most)
    add_options(parser, "--language", "--precision", "--code", precision="float32")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from audio_ft.hub.load import load
    from audio_ft.serving.desk import Desk
    from audio_ft.serving.http import bound, server_of
    from audio_ft.serving.limits import Limits

    given = {"seconds": arguments.max_seconds, "requests": arguments.max_requests}
    limits = Limits(**{name: value for name, value in given.items() if value})
    port = 8000 if arguments.port is None else arguments.port
    with bound(arguments.host, port) as at:
        model = load(arguments.model, language=arguments.language, precision=arguments.precision)
        desk = Desk(model, name_of(arguments.model, run_of(model)), limits)
        server = server_of(desk)
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        show(f"serving {desk.name} at http://{host}:{at.getsockname()[1]} (Ctrl-C stops, and finishes what runs)")
        if arguments.host != LOCAL:
            say(f"warning: whoever reaches {arguments.host} can use the model.")
        with suppress(KeyboardInterrupt):  # which uvicorn repeats after it has stopped
            server.run(sockets=[at])
    say("server stopped.")
    return DONE
