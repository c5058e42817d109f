"""Figures: they draw the given values, in two themes, without warnings or global changes, as small SVG and PNG."""

from __future__ import annotations

import base64
import io
import math
import re
import sys
import warnings
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix as sklearn_confusion

from audio_ft import Clip, InputError, plots
from audio_ft.audio.features import FEATURES, get_feature
from audio_ft.metrics import Score, direction
from audio_ft.metrics.names import SCORES
from audio_ft.plots import DARK, LIGHT
from audio_ft.plots.panels import panel
from audio_ft.targets import Label, Transcript

LABELS = ["yes", "no", "$stop$ <b>", "右"]


def history() -> list[dict]:
    """Return what the Trainer logs in four epochs."""
    entries: list[dict] = []
    for epoch in range(1, 5):
        entries.append(
            {"loss": 2 / epoch, "learning_rate": 1e-4, "grad_norm": None, "epoch": epoch, "step": 10 * epoch}
        )
        scores = {"eval_accuracy": 1 - 0.5 / epoch, "eval_f1_macro": 1 - 0.6 / epoch, "eval_loss": 2.2 / epoch}
        entries.append({**scores, "eval_runtime": 1.0, "epoch": epoch, "step": 10 * epoch})
    return [*entries, {"train_runtime": 3.0, "train_loss": 1.0, "epoch": 4, "step": 40}]


def score(value: float, half: float = 0.05, n: int = 40) -> Score:
    return Score(value, value - half, value + half, n)


def a_run(**changed) -> SimpleNamespace:
    scores = {"accuracy": score(0.9), "f1_macro": score(0.88), "f1[yes]": score(0.8)}
    run = {
        "target": Label(),
        "history": history(),
        "best": {"metric": "f1_macro", "step": 30, "value": 0.8, "why": "highest f1_macro on the validation split"},
        "weights": "fine-tuned",
        "scores": {"validation": scores, "test": scores},
        "other_baselines": {"majority": {"accuracy": score(0.25), "f1_macro": score(0.1)}},
    }
    return SimpleNamespace(**run | changed)


def transcribed() -> SimpleNamespace:
    """Return a run of transcripts: lower is better, no loss in evaluation, error rates beyond 1."""
    logged = [{"loss": 3.0, "step": 5}, {"eval_wer": 1.3, "eval_cer": 0.7, "step": 5}, {"eval_wer": 0.4, "step": 10}]
    scores = {"wer": score(0.4), "wer_normalized": score(0.3), "cer": Score(0.2, math.nan, math.nan, 1)}
    return a_run(
        target=Transcript(),
        history=logged,
        best={"metric": "wer", "step": 10},
        scores={"test": scores},
        other_baselines={"untuned": {name: score(1.2, 0.3) for name in scores}},
    )


def predictions(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.2, 1, n)
    return confidences, rng.uniform(size=n) < confidences


def all_figures(theme: plots.Theme) -> dict:
    clip, clean = Clip.chirp(60, 7_000, 1.5), Clip.noise(1.0, 8_000)
    rng = np.random.default_rng(1)
    truth, predicted = (list(rng.choice(LABELS, 80)) for _ in range(2))
    parts = {"speaker": {"a$b": score(0.9), "女": score(0.5)}, "seconds": {"< 1": Score(0.8, math.nan, math.nan, 1)}}
    levels = [score(0.9), score(0.7), score(0.2)]
    return {
        "waveform": plots.feature(clip, "waveform", theme=theme),
        "spectrogram": plots.feature(clip, "spectrogram", theme=theme),
        "log": plots.feature(clip, "spectrogram", log_frequency=True, theme=theme),
        "mel": plots.feature(clip, "mel", theme=theme, width=3.6),
        "all": plots.features(clip, list(FEATURES), title="$a_b$.wav", theme=theme),
        "before_after": plots.before_after(Clip.noise(2.0, 44_100), clean, theme=theme),
        "evidence": plots.evidence(clip, rng.normal(size=(6, 9)), rng.random((6, 9)) > 0.7, label="a$b", theme=theme),
        "faithfulness": plots.faithfulness_curves(
            [("occlusion", rng.random(11), rng.random(11))], rng.random((19, 11)), label="a$b", theme=theme
        ),
        "curves": plots.learning_curves(a_run(), theme=theme),
        "text_curves": plots.learning_curves(transcribed(), theme=theme),
        "scores": plots.score_intervals(a_run(), theme=theme),
        "text_scores": plots.score_intervals(transcribed(), theme=theme),
        "confusion": plots.confusion_matrix(truth, predicted, LABELS, theme=theme),
        "reliability": plots.reliability(*predictions(), theme=theme),
        "selective": plots.selective_accuracy(*predictions(), theme=theme),
        "slices": plots.slices(parts, metric="accuracy", overall=score(0.85, n=120), theme=theme),
        "robustness": plots.robustness_curve(
            [20, 0, -5], levels, metric="wer", perturbation="Noise", unit="dB SNR", theme=theme
        ),
        "codecs": plots.robustness_curve(
            ["a", "b", "c"], levels, metric="wer", perturbation="Codec", clean=score(0.95)
        ),
    }


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_figure_draws_without_a_warning_and_changes_nothing_global(theme, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it fails
    before = matplotlib.rcParams.copy()  # reading it item by item would choose a backend
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = all_figures(theme)
        seen: set[str] = set()
        for name, figure in figures.items():
            svg = plots.to_svg(figure)
            root = ElementTree.fromstring(svg)
            assert root.get("role") == "img"
            assert root.get("aria-label"), name
            own = [element.get("id") for element in root.iter() if element.get("id")]
            assert len(own) == len(set(own)), name
            assert not seen & set(own), name
            seen |= set(own)
            assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= set(own), name
            assert len(svg) < 400_000, name
    after = matplotlib.rcParams.copy()
    assert dict.__eq__(after, before)


def test_a_png_has_the_size_and_the_background_of_its_figure():
    figure = plots.confusion_matrix(["a", "b"], ["a", "a"], ["a", "b"], theme=DARK, width=4.0)
    with Image.open(io.BytesIO(plots.to_png(figure, 100))) as picture:
        assert picture.mode == "RGB"
        assert picture.size == (400, 368)
        assert picture.getpixel((0, 0)) == tuple(bytes.fromhex(DARK.background[1:]))


def test_text_in_an_svg_is_text():
    svg = plots.to_svg(plots.confusion_matrix(LABELS, LABELS, LABELS), alt='a "quoted" name')
    root = ElementTree.fromstring(svg)
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert set(LABELS) <= texts
    assert root.get("aria-label") == 'a "quoted" name'


def test_figures_are_reproducible():
    one, two = (plots.to_svg(plots.feature(Clip.noise(1.0), "mel")) for _ in range(2))
    assert one == two


def test_images_in_an_svg_keep_their_colors():
    clip = Clip.noise(1.0)
    svg = plots.to_svg(plots.feature(clip, "mel"))
    found = re.search(r"data:image/png;base64,([^\"]+)", svg)
    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        drawn = np.asarray(picture.convert("RGB"))
    shown = panel(clip, "mel")
    low, high = shown.limits()
    colors = matplotlib.colormaps["viridis"]((shown.values - low) / (high - low), bytes=True)[..., :3]
    for one in (drawn, drawn[::-1]):
        if one.shape == colors.shape and (np.abs(one.astype(int) - colors) <= 1).all():
            return
    pytest.fail(f"the image is another than the mel spectrogram: {drawn.shape}, {colors.shape}")


def test_write_supports_png_and_svg(tmp_path):
    figure = plots.feature(Clip.tone(440, 0.5), "waveform")
    for name in ("a.png", "deep/er/b.SVG"):
        plots.write(figure, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(tmp_path / "deep" / "er" / "b.SVG").getroot().tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.png", "b.SVG", "deep", "er"]
    with pytest.raises(InputError, match=r"c\.gif: expected a name ending in \.png or \.svg"):
        plots.write(figure, tmp_path / "c.gif")
    with pytest.raises(InputError, match="cannot be written"):
        plots.write(figure, tmp_path / "a.png" / "d.png")


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.rows and name != "waveform"])
def test_images_show_the_values_of_the_feature(name):
    clip = Clip.chirp(60, 7_000, 1.0)
    axes = plots.feature(clip, name).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), get_feature(name)(clip))
    assert axes.get_xlim() == (0, 1)
    assert axes.get_xlabel() == "Time (s)"
    assert axes.get_ylabel()


def test_lines_show_the_values_of_the_feature_with_their_unit():
    clip = Clip.chirp(60, 7_000, 1.0)
    axes = plots.feature(clip, "spectral_centroid").axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), get_feature("spectral_centroid")(clip)[0])
    assert axes.get_ylabel() == "Hz"


def test_the_frequency_axis_is_linear_or_logarithmic():
    clip = Clip.tone(1_000, 1.0)
    linear, octaves = (plots.feature(clip, "spectrogram", log_frequency=flag).axes[0] for flag in (False, True))
    assert (linear.get_yscale(), octaves.get_yscale()) == ("linear", "log")
    assert linear.get_ylim() == (0, 8)
    mesh = octaves.collections[0]
    row = int(np.asarray(mesh.get_array())[:, 50].argmax())
    below, above = mesh.get_coordinates()[row, 0, 1], mesh.get_coordinates()[row + 1, 0, 1]
    assert below < 1_000 < above


def test_a_long_recording_is_drawn_from_averages_and_in_minutes():
    clip = Clip(np.concatenate([Clip.noise(90, 8_000).samples, Clip.silence(90, 8_000).samples], axis=1), 8_000)
    shown = panel(clip, "rms")
    whole = get_feature("rms")(clip)
    assert 1_000 < shown.values.shape[1] <= 1_700
    half = shown.values.shape[1] // 2
    assert shown.values[0, : half - 2].mean() == pytest.approx(whole[0, :8_900].mean(), rel=0.01)
    assert shown.values[0, half + 2 :].max() < 1e-4
    axes = plots.feature(clip, "waveform").axes[0]
    assert axes.get_xlabel() == "Time (min:s)"
    assert [axes.xaxis.get_major_formatter()(second, 0) for second in (0, 90, 180)] == ["0:00", "1:30", "3:00"]


def test_a_long_waveform_keeps_its_peaks():
    clip = Clip.click(3.0, at=1.234, dbfs=0.0)
    values = panel(clip, "waveform").values
    assert values.shape == (2, 1_000)
    assert values.max() == 1
    assert values[1].argmax() == pytest.approx(1.234 / 3 * 1_000, abs=1)


def test_before_and_after_have_the_same_scales():
    figure = plots.before_after(Clip.noise(3.0, 44_100), Clip.tone(440, 1.0))
    waves, mels = figure.axes[:2], [axes for axes in figure.axes if axes.images]
    for left, right in (waves, mels):
        assert left.get_xlim() == right.get_xlim() == (0, 3)
        assert left.get_ylim() == right.get_ylim()
    assert mels[0].images[0].get_clim() == mels[1].images[0].get_clim()
    assert waves[0].get_title(loc="left") == "Before: 3.00 s, 44.1 kHz, mono"


def test_learning_curves_show_the_history():
    figure = plots.learning_curves(a_run())
    losses, scores = figure.axes
    training, validation = losses.lines[:2]
    assert list(training.get_xdata()) == [10, 20, 30, 40]
    np.testing.assert_allclose(training.get_ydata(), [2, 1, 2 / 3, 0.5])
    np.testing.assert_allclose(validation.get_ydata(), [2.2, 1.1, 2.2 / 3, 0.55])
    assert [text.get_text() for text in scores.get_legend().get_texts()] == ["F1, macro", "Accuracy"]
    assert losses.lines[2].get_xdata()[0] == 30
    assert losses.texts[0].get_text() == "best: step 30"


def test_curves_of_a_transcription_are_its_error_rates():
    figure = plots.learning_curves(transcribed())
    assert [line.get_label() for line in figure.axes[1].lines[:2]] == ["Word error rate", "Character error rate"]
    scores = plots.score_intervals(transcribed())
    assert [axes.get_title(loc="left") for axes in scores.axes] == [
        f"{name} (lower is better)"
        for name in ("Word error rate", "Word error rate, normalized", "Character error rate")
    ]
    assert plots.score_intervals(a_run()).axes[0].get_title(loc="left") == "F1, macro"
    names = [text.get_text() for text in scores.axes[0].get_yticklabels()]
    assert names == ["Fine-tuned", "Untuned"]
    assert scores.axes[0].get_xlim()[1] > 1.5


def test_headline_names_are_scores_that_exist():
    for name in SCORES:
        assert isinstance(direction(name), bool)


def test_a_run_without_history_or_scores_is_rejected():
    with pytest.raises(InputError, match="no curve to draw"):
        plots.learning_curves(a_run(history=[{"train_runtime": 1.0}]))
    with pytest.raises(InputError, match="no scores on 'dev'"):
        plots.score_intervals(a_run(), split="dev")
    with pytest.raises(InputError, match="no score 'wer'"):
        plots.score_intervals(a_run(), ["wer"])


def test_the_confusion_matrix_is_sklearns():
    rng = np.random.default_rng(2)
    truth, predicted = (list(rng.choice(LABELS, 300)) for _ in range(2))
    axes = plots.confusion_matrix(truth, predicted, LABELS).axes[0]
    expected = sklearn_confusion(truth, predicted, labels=LABELS)
    np.testing.assert_allclose(axes.images[0].get_array(), expected / expected.sum(axis=1, keepdims=True))
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(c, r): f"{n}" for (r, c), n in np.ndenumerate(expected) if n}
    with pytest.raises(InputError, match="'maybe' is not among the 2 labels"):
        plots.confusion_matrix(["a"], ["maybe"], ["a", "b"])
    with pytest.raises(InputError, match="at least one; got 0 references"):
        plots.confusion_matrix([], [], ["a"])


def test_a_matrix_of_many_classes_shows_some_of_the_labels():
    names = [f"class {number}" for number in range(150)]
    axes = plots.confusion_matrix(names, names, names).axes[0]
    assert not axes.texts
    assert len(axes.get_xticks()) <= 60


def test_the_reliability_curve_is_sklearns():
    confidences, right = predictions(3_000)
    axes = plots.reliability(confidences, right, bins=10).axes
    accuracy, confidence = calibration_curve(right, confidences, n_bins=10)
    dots = axes[0].lines[1]
    np.testing.assert_allclose(dots.get_xdata(), confidence)
    np.testing.assert_allclose(dots.get_ydata(), accuracy)
    assert sum(patch.get_height() for patch in axes[1].patches) == 3_000
    with pytest.raises(InputError, match="between 0 and 1"):
        plots.reliability([1.5], [True])


def test_selective_accuracy_is_that_of_the_most_confident():
    confidences, right = predictions()
    line = plots.selective_accuracy(confidences, right).axes[0].lines[0]
    order = np.argsort(-confidences)
    for share in (0.1, 0.5, 1.0):
        count = round(share * len(confidences))
        point = int(np.abs(line.get_xdata() - share).argmin())
        assert line.get_ydata()[point] == pytest.approx(right[order][:count].mean())
    tied = plots.selective_accuracy([0.5, 0.5, 0.5], [1, 0, 0]).axes[0].lines[0]
    assert list(tied.get_xdata()) == [1]


def test_a_slice_that_differs_from_the_whole_looks_different():
    parts = {"speaker": {"a": score(0.9), "b": score(0.6)}}
    axes = plots.slices(parts, metric="accuracy", overall=score(0.88)).axes[0]
    dots = [line for line in axes.lines if line.get_marker() not in ("", "None")]
    assert [dot.get_xdata()[0] for dot in dots] == [0.9, 0.6]
    assert dots[0].get_color() != dots[1].get_color()
    assert dots[0].get_marker() != dots[1].get_marker()
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a  (n=40)", "b  (n=40)"]
    many = {"speaker": {f"{number}": score(0.5) for number in range(70)}}
    assert "(10 more not shown)" in plots.slices(many, metric="accuracy").axes[0].get_xlabel()
    with pytest.raises(InputError, match="at least one slice"):
        plots.slices({}, metric="accuracy")


def test_levels_are_drawn_in_the_order_given():
    axes = plots.robustness_curve(
        [20, 0, -5], [score(v) for v in (0.9, 0.6, 0.2)], metric="accuracy", perturbation="Noise"
    ).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["20", "0", "−5"]
    assert list(axes.lines[0].get_ydata()) == [0.9, 0.6, 0.2]
    with pytest.raises(InputError, match="as many scores as levels"):
        plots.robustness_curve([1, 2], [score(0.5)], metric="accuracy", perturbation="Gain")


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2.1."""
    channels = np.array(list(bytes.fromhex(color[1:]))) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_readable_and_series_are_okabe_and_itos(theme):
    ground = luminance(theme.background)
    for color in (theme.ink, theme.muted):
        high, low = sorted((luminance(color), ground), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5
    okabe_ito = {"#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff"}
    assert set(theme.series) <= okabe_ito
    assert len(set(theme.series)) == len(theme.series)


def test_empty_clips_and_unknown_features_are_rejected():
    with pytest.raises(InputError, match="empty clip"):
        plots.feature(Clip.silence(0), "mel")
    with pytest.raises(InputError, match="before and after"):
        plots.before_after(Clip.silence(1), Clip.silence(0))
    with pytest.raises(InputError, match="at least one feature"):
        plots.features(Clip.silence(1), ())
    with pytest.raises(InputError, match="No feature is called 'mell'"):
        plots.feature(Clip.silence(1), "mell")
