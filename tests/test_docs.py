"""What README and the pages under docs/ show can be typed: commands parse, the tutorial runs, and the site builds."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest

import audio_ft
from audio_ft.cli.command_list import built_in, parser_of
from audio_ft.cli.main import main

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page as (language, text)."""
    return FENCE.findall(page.read_text("utf-8"))


def commands(page: Path) -> list[str]:
    """Return the audio-ft command lines of a page: in console blocks, in indented blocks, and between backticks."""
    text = page.read_text("utf-8")
    lines = re.findall(r"^(?:\$ | {4})(audio-ft [a-z].*)$", text, re.MULTILINE)
    # In running text, capitals stand for what a reader puts in: `audio-ft suggest RUN FOLDER`.
    return lines + [line for line in re.findall(r"`(audio-ft [a-z][^`\n]*)`", text) if " " in line[9:]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_can_be_typed(page):
    for line in commands(page):
        words = shlex.split(line, comments=True)
        words = words[: words.index(">")] if ">" in words else words
        parser_of(words[1]).parse(words[2:])  # an option that does not exist ends in an error


def test_the_commands_of_this_page_are_found():
    assert len(commands(REPOSITORY / "README.md")) > 12
    assert any("words" in line for line in commands(REPOSITORY / "docs" / "tutorial.md"))


# Of the two epochs of the tutorial, two steps show that it can be followed.
FEWER = "num_train_epochs=2", "max_steps=2"


def test_the_tutorial_runs(tmp_path, monkeypatch):
    """Commands and Python share a folder and, as for a reader, the names of the blocks before."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text in blocks(REPOSITORY / "docs" / "tutorial.md"):
        if language == "python":
            exec(text, names)
        elif language == "console":
            for line in text.splitlines():
                command, *words = shlex.split(line.removeprefix("$ ").replace(*FEWER))
                assert (command, main(words)) == ("audio-ft", 0), line
    assert audio_ft.Run.load(tmp_path / "runs" / "first").used["max_steps"] == 2
    assert (tmp_path / "runs" / "first" / "report.html").exists()
    assert len((tmp_path / "predictions.jsonl").read_text("utf-8").splitlines()) == 96


@pytest.mark.parametrize("page", ["guides/extending.md", "guides/features.md"])
def test_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text in blocks(REPOSITORY / "docs" / page):
        if language == "python":
            exec(text, names)


def test_the_reference_has_every_command():
    page = runpy.run_path(str(REPOSITORY / "docs" / "commands.py"))["page"]()
    assert re.findall(r"^## (\S+)$", page, re.MULTILINE) == list(built_in())
    assert page.count("usage: audio-ft") == len(built_in())


def test_every_public_name_has_a_place_in_the_reference():
    pages = "".join(page.read_text("utf-8") for page in (REPOSITORY / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: [\w.]+\.(\w+)$", pages, re.MULTILINE))
    # Modules, whose pages would be lists, and `main`, which recipe files call; both are in the guides.
    apart = {"DEFAULT_CHAIN", "augmentation", "features", "main", "plots", "steps"}
    assert set(audio_ft.__all__) - apart <= shown
