"""Text of other people that a terminal, a spreadsheet, a browser or a reader of rows would obey, in every output."""

from __future__ import annotations

import csv
import html.parser
import json
import re
from pathlib import Path

import pytest
from checkpoints import kept_checkpoint
from hub_runs import CARD_FIELDS
from hub_server import connected
from huggingface_hub.utils import disable_progress_bars, enable_progress_bars
from hypothesis import example, given
from hypothesis import strategies as st

from audio_ft.audio.clip import Clip, write
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.data.readers.manifests import read_manifest
from audio_ft.file_io import json_text, write_table
from audio_ft.formatting import UNSEEN, escaped
from audio_ft.inference.output_formats import stream_content
from audio_ft.reporting.card import markdown
from audio_ft.targets import Transcript

FORMULA, BROKEN, MARKUP, TURNED = (
    "=1+1|\x1b[2J",
    "yes\nexcluded: forged\r\x85\u2028",
    "<script>alert(1)</script>`|",
    "\u202eno\u2066 [a](http://e.vil) \x9b31m",
)
LABELS = (FORMULA, BROKEN, MARKUP, TURNED)
SPEAKERS = ("+anna", "@b\x07en", "<i>c</i>", "-d\nd", "e\u200be", "f\x1b]0;x\x07")
SPLITS = {"train": SPEAKERS[:4], "validation": SPEAKERS[4:5], "test": SPEAKERS[5:]}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a manifest whose labels, speakers, notes and names of files are all hostile."""
    folder = tmp_path_factory.mktemp("data") / "da\x1b[1mta"
    folder.mkdir()
    rows = []
    for split, speakers in SPLITS.items():
        for speaker in speakers:
            for number, label in enumerate(LABELS):
                name = f"=\x1b[3{number}m{len(rows)}\nerror: \u202e<b>`|.wav"
                write(Clip.tone(200 * (number + 1) + len(rows), 0.3), folder / name)
                rows.append({"file_name": name, "label": label, "speaker": speaker, "split": split, "note": "@\tx\r\n"})
    (folder / "silent\x1b[0m.wav").write_bytes(b"")
    rows.append({**rows[0], "file_name": "silent\x1b[0m.wav"})
    manifest = folder / "labels.jsonl"
    manifest.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return manifest


@pytest.fixture(scope="module")
def trained(hostile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "--model", kept_checkpoint("wav2vec2-group"), "--data", str(hostile), "--output-dir", str(folder)]
    words += ["--set", "data.kind=label", "--set", "max_steps=2", "--set", "max_corrupt=0.2"]
    words += ["--set", "per_device_train_batch_size=8"]
    assert main([*words, *(word for name, text in CARD_FIELDS.items() for word in ("--set", f"{name}={text}"))]) == 0
    return folder


@pytest.fixture
def screen(capsys):
    """Return a function that runs a command and returns what it wrote, all of it visible, no line forged."""

    def run(*words: object, code: int = 0) -> str:
        assert main(list(map(str, words))) == code
        captured = capsys.readouterr()
        for written in (captured.out, captured.err):
            assert not UNSEEN.search(written.replace("\n", "").replace("\t", ""))
            assert not re.search(r"^(excluded: forged|error: )", written, flags=re.MULTILINE)
        return captured.out + captured.err

    return run


def test_every_command_shows_hostile_text_escaped(hostile, trained, screen, tmp_path):
    assert escaped(BROKEN) in screen("inspect", hostile, "--set", "data.kind=label")
    found = json.loads(screen("inspect", hostile, "--set", "data.kind=label", "--json").splitlines()[0])
    assert set(LABELS) <= set(found["splits"]["train"]["classes"])
    evaluated = screen("evaluate", trained, hostile, "--split", "test")
    assert "silent" not in evaluated
    assert all(escaped(label) in evaluated for label in LABELS)
    facts = json.loads(screen("evaluate", trained, hostile, "--split", "test", "--json").splitlines()[0])
    assert set(facts["per_class"]) == set(LABELS)
    screen("compare", trained, trained)
    screen("card", trained)
    assert escaped("silent\x1b[0m.wav: empty file") in screen("clean", hostile.parent, tmp_path / "cle\x1ban")
    assert "error: " in screen("inspect", hostile.parent / "\x1b[1mno\nerror: x", code=2)


def test_predictions_hold_one_row_a_recording(hostile, trained, screen, tmp_path):
    recordings = sorted(str(path) for path in hostile.parent.glob("=*.wav"))
    predict = ["predict", trained, *recordings, "--precision", "float32"]  # which needs no line on the screen
    table = screen(*predict).splitlines()
    assert [line.partition("  ")[0] for line in table] == list(map(escaped, recordings))
    objects = list(map(json.loads, screen(*predict, "--json").splitlines()))
    assert [one["file"] for one in objects] == recordings
    assert all(set(one["labels"]) == set(LABELS) for one in objects)
    for form in ("text", "json"):
        screen(*predict, "--format", form, "--output-dir", tmp_path / form)
    for file in (tmp_path / "text").iterdir():
        assert len(file.read_bytes().split(b"\n")) == 3 + 1
    assert {json.loads(file.read_text())["file"] for file in (tmp_path / "json").iterdir()} == set(recordings)


def test_prepared_lists_give_the_same_rows_and_no_formula(hostile, screen, tmp_path):
    settings = ("--set", "data.kind=label", "--set", "max_corrupt=0.2")
    screen("prepare", hostile, tmp_path / "prepared", *settings)
    for name, speakers in SPLITS.items():
        with (tmp_path / "prepared" / "splits" / f"{name}.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) == 1 + len(speakers) * len(LABELS)
        assert not [cell for row in rows for cell in row if re.match(r"[=+\-@\t\r\n]", cell)]
    before, after = load(Data(str(hostile), kind="label")), load(Data(str(tmp_path / "prepared"), kind="label"))
    for name in SPLITS:
        readable = [row for row in before.splits[name] if "silent" not in row["key"]]
        for kind in ("target", "group"):
            assert [row[kind] for row in after.splits[name]] == [row[kind] for row in readable]
        notes = [json.loads(row["meta"])["note"] for row in after.splits[name]]
        assert notes == [json.loads(row["meta"])["note"] for row in readable]
    assert "without the apostrophe" in "".join(after.warnings)
    screen("inspect", tmp_path / "prepared")


class Page(html.parser.HTMLParser):
    """Collect the tags and the attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs


def test_the_report_has_no_tag_of_the_data(trained, screen, tmp_path):
    screen("report", trained, "--output", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not UNSEEN.search(text.replace("\n", ""))
    page = Page(text)
    assert "i" not in page.tags
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any(escaped(MARKUP) in (value or "") for name, value in page.attributes if name == "data-search")


def test_the_card_has_no_markup_of_the_data(trained, screen, hub, tmp_path):
    screen("card", trained, "--output", tmp_path / "README.md")
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert not UNSEEN.search(card.replace("\n", ""))
    outside = re.sub(r"```.*?```|<code>[\w&#;]*</code>|`[^`\n]*`", "", card, flags=re.DOTALL)
    assert "<" not in re.sub(r"\\<", "", outside)
    assert "http://e.vil" not in outside
    disable_progress_bars()  # huggingface_hub's own, which rewrite their line
    with connected(hub, tmp_path / "cache"):
        screen("push", trained, "me/words", "--predictions")
    enable_progress_bars()
    assert hub.repo().files["README.md"].decode() != ""
    assert json.loads(hub.repo().files["run.json"])["labels"] == sorted(LABELS)


@pytest.mark.parametrize(
    "text", ["a`b", "a|b", r"a\|b", "<b>", " x ", "*a*", "_a_", "[a](http://b)", "www.a.b", "&lt;"]
)
def test_markdown_shows_text_as_it_is(text):
    from html import unescape

    for written in (markdown.code(text), markdown.cell(markdown.code(text))):
        code = re.fullmatch(r"<code>(.*)</code>", written)
        assert (unescape(code[1]) if code else written[1:-1].replace(r"\|", "|")) == text
    literal = markdown.cell(markdown.literal(text))
    assert re.sub(r"\\([\W_])", r"\1", unescape(re.sub(r"\\&", "&amp;", literal))) == text
    assert not re.search(r"(?<!\\)[<>|*`\[\]]|://|www\.", literal)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["=1", "'=1", "''-x", "-0.5", "+1e3", "'"])


@example([("", "\0")])
@example([("", "0\0")])
@example([("\0", "\x80\r")])
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_a_written_table_is_read_back_exactly(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("table") / "labels.csv"
    write_table(file, [{"file_name": f"{place}.wav", "label": a, "note": b} for place, (a, b) in enumerate(rows)])
    columns = read_manifest(file).columns
    assert list(zip(columns["label"], columns["note"], strict=True)) == rows
    with file.open(newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if re.match(r"[=@\t\r\n]|[+-](?![\d.])", cell)]


@given(st.text(max_size=20))
def test_json_is_one_visible_line_that_gives_the_text_back(text):
    written = json_text({"label": text})
    assert json.loads(written) == {"label": text}
    assert written.encode("utf-8").decode("utf-8").splitlines() == [written]
    assert not UNSEEN.search(written)
    assert not UNSEEN.search(escaped(text))


@pytest.mark.parametrize("text", ["نمی‌خواهم", "क्‍ष", "👩‍💻", "日本　語", "größe", "a\u00a0b"])
def test_text_that_needs_its_joiners_and_blanks_is_left_alone(text):
    assert escaped(text) == text
    assert escaped(f"a\u200d{text}") == f"a\\u200d{text}"


@pytest.mark.parametrize("form", ["text", "json", "srt", "vtt"])
def test_a_transcript_forges_no_row(form):
    text = "=a\n2\n00:00:00,000 --> 00:00:09,000\n\x1b[2Jb\u202e<i>\x85c\u2028d"
    told = {"text": text, "segments": [{"start": 0.0, "end": 1.0, "text": text}]}
    written = stream_content("-a\n.wav", told, form, Transcript(), 10, inert=True)
    assert not UNSEEN.search(written.replace("\n", "").replace("\t", ""))
    if form == "text":
        assert written.count("\n") == written.count("\t") == 1
        assert [cell[:2] for cell in written.split("\t")] == ["'-", "'="]
    elif form == "json":
        assert json.loads(written) == {"file": "-a\n.wav", **told}
        assert written.splitlines() == [written[:-1]]
    else:
        assert written.count("-->") == 1
        assert "<i>" not in written or form == "srt"


def test_logs_and_bars_show_a_hostile_name_in_one_line(capsys):
    import logging

    from audio_ft.cli.console import guarded

    def work():
        logging.getLogger("audio_ft.data").warning("warning: %s", "a\nexcluded: b\x1b[2J")
        raise ValueError("c\x1b[2J\u202e")

    assert guarded(work, debug=True) == 1
    written = capsys.readouterr().err
    assert not UNSEEN.search(written.replace("\n", ""))
    assert r"warning: a\nexcluded: b\u001b[2J" in written


def test_lines_end_where_files_end_them(tmp_path):
    for number in range(4):
        write(Clip.tone(300 + number, 0.1), tmp_path / f"{number}.wav")
    rows = [f"u{number} {tmp_path}/{number}.wav" for number in range(4)]
    (tmp_path / "wav.scp").write_text("\n".join(rows) + "\n")
    texts = ["one\x85u9 two", "three\u2028u8 four", "five\x0cu7 six", "seven"]
    (tmp_path / "text").write_text("".join(f"u{number} {text}\r\n" for number, text in enumerate(texts)), newline="")
    loaded = load(Data(str(tmp_path)), targets=(Transcript,))
    found = {Path(row["key"]).stem: row["target"] for split in loaded.splits.values() for row in split}
    assert found == {str(number): text for number, text in enumerate(texts)}
