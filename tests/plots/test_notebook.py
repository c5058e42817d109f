"""Clips and runs in a notebook, and the test signals and files that a clip makes of itself."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.signal
from checkpoints import WORDS
from waiting import HUNG

import audio_ft as aft
from audio_ft import Clip, InputError, Run, read
from audio_ft.metrics import Score
from audio_ft.plots.notebook import run_html
from audio_ft.targets import Transcript

VOID = {"br", "hr", "img", "meta", "input"}


class Balanced(HTMLParser):
    """Fail on tags that do not close in order, and collect text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def parsed(html: str) -> Balanced:
    page = Balanced()
    page.feed(html)
    page.close()
    assert not page.open
    return page


def test_a_clip_shows_its_sound_and_its_outline():
    clip = Clip(np.stack([Clip.tone(440, 0.5).samples[0], Clip.click(0.5, at=0.25).samples[0]]), 16_000)
    page = parsed(clip._repr_html_())
    assert page.texts[0] == "0.50 s · 16,000 Hz · 2 channels · peak 0.0 dBFS"
    (player,) = [attributes for tag, attributes in page.found if tag == "audio"]
    assert "controls" in player
    kind, _, sound = str(player["src"]).partition(",")
    assert kind == "data:audio/wav;base64"
    np.testing.assert_allclose(read(base64.b64decode(sound)).samples, clip.samples, atol=2**-15)
    paths = [str(attributes["d"]) for tag, attributes in page.found if tag == "path"]
    assert len(paths) == 2
    points = np.array(re.findall(r"([\d.]+),([\d.]+)", paths[1]), float)
    assert points[points[:, 1].argmin(), 0] == pytest.approx(300, abs=2)  # the click, in the middle of the width


def test_notes_are_text_and_not_html():
    page = parsed(Clip.silence(0.1).with_note("truncated: <script>alert('&')</script>")._repr_html_())
    assert "note: truncated: <script>alert('&')</script>" in page.texts
    assert "script" not in {tag for tag, _ in page.found}
    assert page.texts[0].endswith("silent")


@pytest.mark.parametrize("clip", [Clip.silence(0), Clip(np.ones((3, 1)), 8_000), Clip.tone(440, 0.2, dbfs=6.0)])
def test_odd_clips_show_themselves_too(clip):
    page = parsed(clip._repr_html_())
    assert ("audio" in {tag for tag, _ in page.found}) == (clip.length > 0)


def test_a_long_clip_plays_its_first_minute():
    clip = Clip.noise(61.0, 1_000)
    page = parsed(clip._repr_html_())
    assert page.texts[-1] == "plays the first 60 s of 61.0 s"
    (source,) = [str(attributes["src"]) for tag, attributes in page.found if tag == "audio"]
    assert read(base64.b64decode(source.partition(",")[2])).seconds == 60


def test_a_clip_shows_itself_without_matplotlib():
    code = (
        "import sys\nfrom audio_ft import Clip\nClip.tone(440, 0.1)._repr_html_()\n"
        "print({'matplotlib', 'librosa', 'torch'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HUNG, check=True)
    assert result.stdout == "set()\n"


def test_a_run_shows_scores_beside_baselines_and_its_curves(small_run):
    run = Run.load(small_run)
    page = parsed(run._repr_html_())
    text = " ".join(page.texts)
    assert str(run.scores["test"]["accuracy"]) in text
    assert str(run.baselines["linear on MFCC"]["accuracy"]) in text
    assert "Majority" in text
    assert run.best["why"] in text
    assert "svg" in {tag for tag, _ in page.found}
    assert "Optimizer step" in text


def test_a_run_escapes_what_it_is_called():
    scores = {"test": {"wer": Score(0.4, 0.3, 0.5, 9)}}
    known = {"history": [], "best": {"metric": "wer"}, "weights": "fine-tuned", "other_baselines": {"<b>": {}}}
    run = SimpleNamespace(target=Transcript(), scores=scores, **known)
    page = parsed(run_html(run, "<i>mine</i>"))
    assert "<i>mine</i>" in page.texts
    assert "0.400 [0.300, 0.500]" in page.texts
    assert not {"i", "b", "svg"} & {tag for tag, _ in page.found}


def test_a_chirp_glides_evenly_through_the_octaves():
    clip = Clip.chirp(100, 6_400, 2.0, dbfs=-6)
    assert (clip.channels, clip.rate, clip.seconds) == (1, 16_000, 2.0)
    assert np.abs(clip.samples).max() == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    assert clip.samples[0, 0] == pytest.approx(0, abs=1e-6)
    times, hz = np.arange(clip.length) / clip.rate, np.unwrap(np.angle(scipy.signal.hilbert(clip.samples[0])))
    pitch = np.gradient(hz, times) / (2 * np.pi)
    for second in (0.5, 1.0, 1.5):  # six octaves in two seconds
        assert pitch[round(second * 16_000)] == pytest.approx(100 * 2 ** (3 * second), rel=0.02)


def test_a_click_is_one_sample():
    clip = Clip.click(0.5, at=0.25, dbfs=-20)
    assert np.flatnonzero(clip.samples[0]).tolist() == [4_000]
    assert clip.samples[0, 4_000] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Clip.tone(9_000, 1.0), "a tone of 9000 Hz needs a rate of at least 18,000 Hz, got 16,000 Hz"),
        (lambda: Clip.chirp(0, 100, 1.0), "above 0 Hz"),
        (lambda: Clip.chirp(100, 9_000, 1.0), "a chirp of 9000 Hz needs"),
        (lambda: Clip.click(0.5, at=0.5), "a click at 0.5 s lies outside the clip of 0.5 s"),
        (lambda: Clip.click(0.5, at=float("nan")), "lies outside"),
        (lambda: Clip.silence(-1), "expected a duration of 0 s or more, got -1 s"),
        (lambda: Clip.noise(float("inf")), "got inf s"),
    ],
)
def test_a_signal_that_cannot_be_says_why(make, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        make()


@pytest.mark.parametrize(("suffix", "exact"), [(".wav", True), (".flac", True), (".ogg", False), (".mp3", False)])
def test_a_clip_writes_itself(tmp_path, suffix, exact):
    clip = Clip.tone(440, 0.5, dbfs=-3)
    clip.write(tmp_path / f"tone{suffix}")
    back = read(tmp_path / f"tone{suffix}")
    assert (back.rate, back.channels) == (16_000, 1)
    assert back.length == clip.length
    assert np.abs(back.samples - clip.samples)[:, 800:-800].max() < (2**-15 if exact else 0.05)


def test_no_sample_is_clipped_on_the_way_to_a_file(tmp_path):
    loud = Clip.tone(440, 0.5, dbfs=3)
    for suffix in (".wav", ".ogg", ".mp3"):
        loud.write(tmp_path / f"loud{suffix}")
        assert np.abs(read(tmp_path / f"loud{suffix}").samples).max() == pytest.approx(10 ** (3 / 20), rel=0.05)
    with pytest.raises(InputError, match="FLAC can hold samples in"):
        loud.write(tmp_path / "loud.flac")
    with pytest.raises(InputError, match=r"tone\.m4a: expected a name ending in \.wav, \.flac, \.ogg, \.mp3"):
        loud.write(tmp_path / "tone.m4a")


def test_recipes_models_scores_and_comparisons_show_themselves(small_run):
    run, model = Run.load(small_run), aft.load(small_run)
    shown = " ".join(parsed(run.recipe._repr_html_()).texts)
    assert run.recipe.model in shown
    assert "defaults" in shown
    assert "Each recording is cleaned like this" in " ".join(parsed(model._repr_html_()).texts)
    found = aft.evaluate(model, f"{WORDS}/test")
    assert str(found.scores["accuracy"]) in parsed(found._repr_html_()).texts
    assert "accuracy: not distinguishable" in parsed(aft.compare(small_run, str(small_run))._repr_html_()).texts


def test_a_notebook_shows_progress_without_logging_set_up():
    code = (
        "import sys, types\nsys.modules['ipykernel'] = types.ModuleType('ipykernel')\n"
        "from audio_ft.training.messages import progress\nprogress('window 2 s')\nprogress('steps 30')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HUNG, check=True)
    assert result.stdout.splitlines() == ["window 2 s", "steps 30"]
