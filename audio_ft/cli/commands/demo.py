"""Try a model in the browser, or write that page as a Space."""

from __future__ import annotations

import argparse
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, say, show, step
from audio_ft.cli.inputs import name_of, repository_of, run_of
from audio_ft.cli.options import LOCAL, add_options, add_server_options, number
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.run import Run

STAGE = "share"
EXAMPLES = 4
EPILOG = """examples:
  audio-ft demo runs/first
  audio-ft demo me/doors --port 8080
  audio-ft demo runs/first --space doors-space
  hf upload me/doors doors-space --repo-type space

The page takes the microphone or a file and shows the prediction, with times where the model has them, the cleaned
audio, and what is wrong with the recording. It is reached from this machine alone unless --host is given: 0.0.0.0
lets everybody in the network use the model. Recordings of other people are not sent with a Space unless --examples
asks for test clips. It needs gradio: pip install 'audio-ft[demo]'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    add_options(parser, "model")
    add_server_options(parser, port="default: the first free one from 7860 on")
    parser.add_argument("--space", metavar="DIR", help="write a Space for the Hub into this new folder instead")
    count = number(int, lambda clips: clips >= 0, "a whole number of at least 0")
    clips = f"test clips of the run to try (default: {EXAMPLES}; none in a Space)"
    parser.add_argument("--examples", metavar="N", type=count, help=clips)
    add_options(parser, "--anonymize", "--code")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until it is stopped, or write the Space."""
    from audio_ft.hub.load import load
    from audio_ft.serving.answer import MAX_SECONDS
    from audio_ft.serving.demo import interface, launch

    if arguments.anonymize and arguments.examples:
        raise InputError("--examples are recordings, which --anonymize leaves out; give one of them.")
    if arguments.code and arguments.space:
        raise InputError("a Space cannot import files of --code; put their steps into a package that it installs.")
    model = load(arguments.model)
    found = run_of(model)
    title, facts = name_of(arguments.model, found), _facts(found)
    with tempfile.TemporaryDirectory() as scratch:
        examples = _examples(arguments, found, Path(scratch))
        if arguments.space is not None:
            return _write_space(arguments, found, title, facts, examples)
        most = arguments.max_seconds or MAX_SECONDS
        page = interface(model, title, facts=facts, examples=examples, most=most)
        show(f"open {launch(page, host=arguments.host, port=arguments.port, wait=False)} (Ctrl-C stops the demo)")
        if arguments.host != LOCAL:
            say(f"warning: whoever reaches {arguments.host} can use the model.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            say("demo stopped.")
        page.close(verbose=False)
    return DONE


def _facts(run: Run | None) -> dict[str, str]:
    """Return what a run says of its model."""
    if run is None:
        return {}
    score = run.scores.get("test", {}).get(run.target.headline)
    return {"test score": f"{run.target.headline} {score}"} if score and not run.smoke else {}


def _examples(arguments: argparse.Namespace, run: Run | None, folder: Path) -> list[tuple[str, Path]]:
    """Return test clips written into a folder; a run whose data is gone has none, which is said."""
    from audio_ft.serving.examples import write_examples

    count = arguments.examples
    if count is None:
        count = 0 if arguments.space or arguments.anonymize else EXAMPLES
    if run is None or not count:
        return []
    step("reading examples")
    try:
        return write_examples(run, folder, count)
    except InputError as error:
        say(f"warning: no examples: {error}")
        return []


def _write_space(
    arguments: argparse.Namespace, run: Run | None, title: str, facts: dict[str, str], examples: list[tuple[str, Path]]
) -> int:
    """Write the Space, of a run's own model or of one on the Hub."""
    from audio_ft.reporting.anonymize import anonymized
    from audio_ft.serving.space import write_space

    repository = repository_of(arguments.model)
    if repository is None and run is None:
        raise InputError(f"{arguments.model} is a model's folder; a Space needs a run's folder or an id on the Hub.")
    folder = Path(arguments.space).expanduser()
    with tempfile.TemporaryDirectory() as scratch:
        if run is not None and arguments.anonymize:
            run = anonymized(run, Path(scratch))
        write_space(folder, run if repository is None and run else arguments.model, title, facts, examples)
    show(f"written: {folder} (push it: hf upload USER/NAME {folder} --repo-type space)")
    return DONE
