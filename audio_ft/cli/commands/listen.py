"""Caption speech live, or tell what sounds: microphone, file or pipe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.live import above_the_bars
from audio_ft.cli.options import FLAG, add_options, number
from audio_ft.errors import InputError
from audio_ft.file_io import json_text
from audio_ft.formatting import escaped, format_duration

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip
    from audio_ft.inference.predictor import Model
    from audio_ft.inference.streaming.live import Clock, TimedMessage
    from audio_ft.inference.streaming.voice import Detector

STAGE = "use"
STDIN = "-"
EPILOG = """examples:
  audio-ft listen runs/speech
  audio-ft listen runs/speech talk.wav --json
  audio-ft listen runs/events --device USB
  ffmpeg -v error -i rtsp://door/1 -f s16le -ac 1 -ar 16000 - | audio-ft listen runs/speech -

Without a file it listens to the microphone until Ctrl-C. A file is played as if it were live; with --fast its time
passes as fast as the model computes. Words appear once they are final: those of a CTC model 0.6 s after their end,
those of Whisper when two transcripts in a row agree. Models of labels answer for each turn, from silence to silence,
and models of events say when one begins and has ended. At the end comes how long after the sounds the answers came.
A microphone and Silero's detector of speech need pip install 'audio-ft[listen]'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `listen`."""
    add_options(parser, "model")
    file = "a recording, or - for raw samples on standard input: 16 bits, one channel (default: the microphone)"
    parser.add_argument("file", metavar="FILE", nargs="?", help=file)
    parser.add_argument("--device", metavar="MIC", help="number or part of the name of a microphone")
    rate = number(int, lambda hz: hz > 0, "a whole number of Hz above 0")
    parser.add_argument("--rate", metavar="HZ", type=rate, help="of raw samples (default: 16000)")
    parser.add_argument("--fast", **FLAG, help="do not wait for the time of a file to pass")
    detectors = "what finds turns: silero (speech alone), or level (all that is louder than the background);"
    parser.add_argument("--vad", choices=("silero", "level"), help=f"{detectors} default: silero for transcripts")
    lines = 'an object a message, {"type", "start", "end", "at"} and what it says,'
    add_options(parser, "--json", "--language", "--code", json=lines)


def run(arguments: argparse.Namespace) -> int:
    """Listen until the audio ends or Ctrl-C."""
    from audio_ft.hub.load import load
    from audio_ft.inference.streaming.choice import listener_for
    from audio_ft.inference.streaming.live import Clock, listen

    if arguments.device is not None and arguments.file is not None:
        raise InputError("--device is a microphone, and a file was given too; leave one of them out.")
    if arguments.rate and arguments.file != STDIN:
        raise InputError("--rate is that of raw samples on standard input; leave it out, or give - as the file.")
    if arguments.fast and arguments.file in (None, STDIN):
        raise InputError("--fast is for a file; leave it out, or give one.")
    model = load(arguments.model, language=arguments.language)
    listener = listener_for(model, _detector(arguments.vad, model))
    clock = Clock(sleep=None) if arguments.fast else Clock()
    latencies: list[float] = []
    with suppress(KeyboardInterrupt):
        for timed in _watched(listen(listener, _chunks(arguments, clock), clock), latencies):
            _write(timed, as_json=arguments.json)
    if latencies and min(latencies) >= 0:  # a program may write samples faster than their time passes
        import numpy as np

        median, late = np.percentile(latencies, [50, 95])
        say(f"latency     {format_duration(median)} (median), {format_duration(late)} (95 %) from the end of a sound")
    return DONE


def _detector(name: str | None, model: Model) -> Detector:
    """Return the detector that is asked for, or that fits what the model predicts."""
    from audio_ft.inference.streaming.choice import detector_for
    from audio_ft.inference.streaming.voice import Level, silero

    if name and model.task.target.has_times:
        raise InputError("--vad finds turns, and a model of events needs none; leave it out.")
    return detector_for(model) if name is None else silero() if name == "silero" else Level()


def _chunks(arguments: argparse.Namespace, clock: Clock) -> Iterable[Clip]:
    from audio_ft.inference.streaming.live import as_if_live, from_microphone, from_samples

    if arguments.file == STDIN:
        return from_samples(sys.stdin.buffer, arguments.rate or 16_000)
    if arguments.file is not None:
        return as_if_live(arguments.file, clock)
    say("listening   Ctrl-C stops")
    return from_microphone(arguments.device or "", clock)


def _watched(messages: Iterator[TimedMessage], latencies: list[float]) -> Iterator[TimedMessage]:
    """Yield the messages, and keep how late they came."""
    for timed in messages:
        latencies += timed.latencies
        yield timed


def _write(timed: TimedMessage, *, as_json: bool) -> None:
    """Write a message: words as they come, each turn a line of its own; or a line of JSON."""
    message = timed.message
    if as_json:
        show(json_text(timed.as_json()))
    elif message.kind in ("words", "caption"):
        # What ends a caption was shown already, word by word.
        text = "\n" if message.kind == "caption" else f"{escaped(message.line)} "
        with above_the_bars():
            sys.stdout.write(text)
            sys.stdout.flush()
    else:
        span = f"{message.start:8.2f} {'' if message.kind == 'onset' else f'{message.end:.2f}':>8}"
        show(f"{span}  {message.line}")
