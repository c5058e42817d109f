"""`audio-ft explain`: what it prints, the page, and what it refuses."""

from __future__ import annotations

import json
import shutil
from importlib import util
from pathlib import Path

import numpy as np
from checkpoints import WORDS
from pages import Page, check_page

from audio_ft.cli import main as cli


def test_the_page_plays_the_evidence_and_json_holds_all_values(small_run: Path, tmp_path: Path, capsys) -> None:
    first = sorted(Path(WORDS, "test").glob("*.ogg"))[0]
    clip, broken = tmp_path / "<b>go.ogg", tmp_path / "broken.wav"
    shutil.copy(first, clip)
    broken.write_text("no sound")
    page = tmp_path / "why.html"
    assert cli.main(["explain", str(small_run), str(clip), str(broken), "--html", str(page), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out.splitlines()[0])
    assert f"excluded: {broken}: " in printed.err
    (item,) = found["explanations"]
    bands, spans = (len(item["grid"][axis]) - 1 for axis in ("hertz", "seconds"))
    assert set(item["methods"]) == set(found["verdicts"]) == {"occlusion", "integrated gradients"}
    assert item["label"] == max(item["labels"], key=item["labels"].get)
    for method in item["methods"].values():
        assert np.shape(method["values"]) == np.shape(method["evidence"]["parts"]) == (bands, spans)
        assert len(method["random_areas"]) == 19
        # The curves end at the prediction, and at what the model says of silence.
        assert method["deletion"][0] == method["insertion"][-1] == item["labels"][item["label"]]
        assert method["deletion"][-1] == method["insertion"][0]
    shown = Page(page.read_text("utf-8"))
    check_page(shown)
    assert len(shown.all("audio")) == 1 + 2 * len(item["methods"])
    assert str(clip) in shown.text
    assert all(method["verdict"].capitalize() in shown.text for method in item["methods"].values())


def test_what_cannot_be_explained_is_refused_in_one_sentence(small_run, tmp_path, capsys, monkeypatch) -> None:
    clip = str(sorted(Path(WORDS, "test").glob("*.ogg"))[0])
    assert cli.main(["explain", str(small_run), clip, "--html", str(tmp_path / "none" / "why.html")]) == 2
    assert cli.main(["explain", str(small_run), clip, "--label", "perhaps"]) == 2
    assert "'perhaps' is not a label of" in capsys.readouterr().err
    known = util.find_spec
    monkeypatch.setattr("audio_ft.explaining.attribution.find_spec", lambda name: name != "shap" and known(name))
    assert cli.main(["explain", str(small_run), clip]) == 2
    assert "pip install 'audio-ft[explain]'" in capsys.readouterr().err
