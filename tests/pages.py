"""Parse a page of the report and check what holds for every page; make runs with given predictions."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pandas

from audio_ft.evaluation.predictions import Predictions
from audio_ft.run import PREDICTIONS_FILE, Run

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """Parse a page: tags with their attributes in order, text, and problems with nesting."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source, self.tags, self.words, self.problems = source, [], [], []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def sources(page: Page) -> list[str]:
    """Return everything that a browser would fetch for a page: sources, style sheets, and addresses in its styles."""
    fetched = [
        attributes[name]
        for tag, attributes in page.tags
        for name in ("src", "srcset", "data", "poster", "href", "xlink:href")
        if name in attributes and tag not in ("a", "use")
    ]
    return fetched + re.findall(r"url\(([^)]*)\)", page.source) + re.findall(r"@import\s+(\S+)", page.source)


def check_page(page: Page) -> None:
    """Check what holds for every report."""
    assert page.problems == []
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    pointed = [
        name
        for _, attributes in page.tags
        for key in ("aria-labelledby", "aria-describedby", "for")
        for name in attributes.get(key, "").split()
    ]
    pointed += [attributes["href"][1:] for attributes in page.all("a") if attributes["href"].startswith("#")]
    assert pointed
    assert not set(pointed) - set(ids)
    assert all(source.strip("'\"").startswith(("data:", "#")) for source in sources(page))
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    scripts = re.findall(r"<script>(.*?)</script>", page.source, re.DOTALL)
    programs = [script for script in page.all("script") if script.get("type") != "application/json"]
    assert len(scripts) == len(programs) >= 1
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed};" in policy
    assert "default-src 'none'" in policy
    unnamed = [svg for svg in page.all("svg") if not (svg.get("aria-label") or svg.get("aria-hidden"))]
    assert not unnamed
    assert all(attributes.get("aria-label") for attributes in page.all("audio"))


def scored_run(run: Run, folder: Path, rows: list[dict], **changed) -> Run:
    """Return a run in `folder` with these rows as its predictions, scored; `changed` are fields of the run."""
    folder.mkdir()
    table = pandas.DataFrame([{"split": "test", "group": None, **row} for row in rows])
    table.to_parquet(folder / PREDICTIONS_FILE, index=False)
    changed_run = dataclasses.replace(run, folder=folder, **{"baselines": {}, "retention": {}, **changed})
    test = Predictions(table, changed_run.target)
    return dataclasses.replace(changed_run, scores={"test": test.score()})


def transcript(file: str, reference: str, prediction: str) -> dict:
    from audio_ft.metrics.alignment import errors

    counts = dataclasses.asdict(errors([reference], [prediction])[0])
    return {"file": file, "reference": reference, "prediction": prediction, **counts}
