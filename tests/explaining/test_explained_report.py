"""Explanations of the worst errors in the report of a run."""

from __future__ import annotations

import pytest
from pages import Page, check_page

from audio_ft.cli import main as cli


@pytest.mark.slow
def test_the_report_plays_what_its_worst_error_rests_on(own_run, tmp_path, capsys) -> None:
    output = tmp_path / "report.html"
    kept = ["--errors", "2", "--no-map", "--output", str(output)]
    assert cli.main(["report", str(own_run), *kept, "--explain", "1"]) == 0
    page = Page(output.read_text("utf-8"))
    check_page(page)
    assert "What the first prediction rests on can be seen and heard" in page.text
    evidence = [sound["aria-label"] for sound in page.all("audio") if "evidence" in sound["aria-label"].lower()]
    assert len(evidence) == 4  # the evidence and the rest, of two methods
    assert cli.main(["report", str(own_run), *kept, "--explain", "1", "--no-audio"]) == 2
    assert "--explain is for the page of one run with its recordings" in capsys.readouterr().err
