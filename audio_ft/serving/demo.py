"""The demo: a page on which people record or upload something, and hear and read what the model makes of it."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.errors import AudioFTError, InputError
from audio_ft.formatting import capitalized, format_duration
from audio_ft.plots.export import to_svg
from audio_ft.plots.notebook import facts_html
from audio_ft.plots.timeline import timeline
from audio_ft.serving.answer import MAX_BYTES, MAX_SECONDS, Answer, answer, in_a_sentence

if TYPE_CHECKING:
    import gradio

    from audio_ft.inference.predictor import Model
    from audio_ft.targets import Target

# Labels that the page shows, the most probable ones.
SHOWN_LABELS = 10
# Gradio keeps what people send in files; those that are older (s) are removed, which is looked for as often.
KEPT_SECONDS = 3600
# People who wait at most; each gets the model for itself.
WAITING = 32


@dataclass(frozen=True)
class _View:
    """Show one side of an answer: a component of gradio, and what it gets."""

    component: gradio.components.Component
    content: Callable[[Answer], Any]


def interface(
    model: Model,
    title: str = "audio_ft",
    *,
    facts: Mapping[str, object] | None = None,
    examples: Sequence[tuple[str, str | os.PathLike[str]]] = (),
    most: float = MAX_SECONDS,
) -> gradio.Blocks:
    """Return the page for a model; `launch` serves it.

    Args:
        model: what predicts.
        title: the heading.
        facts: what the page says of the model, by name, beside what the model knows of itself.
        examples: recordings to try, each with its name.
        most: the longest recording that is accepted, in seconds.

    Raises:
        InputError: gradio is not installed.
    """
    gr = _gradio()
    target = model.task.target
    note = f"Recordings of up to {format_duration(most)}."
    with gr.Blocks(title=title, analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as page:
        gr.HTML(f"<h1>{html.escape(title)}</h1>")
        with gr.Row():
            with gr.Column(min_width=320):
                recording = gr.Audio(sources=["upload", "microphone"], type="filepath", label="Recording",
                                     buttons=["download"])  # fmt: skip
                button = gr.Button("Predict", variant="primary")
                if examples:
                    names, files = zip(*((name, str(file)) for name, file in examples), strict=True)
                    gr.Examples(list(files), recording, example_labels=list(names), label="Examples")
            with gr.Column(min_width=320):
                views = views_of(gr, target)
        gr.HTML(facts_html("The model", {**(facts or {}), **model.facts()}, note))

        def predict(file: str | None) -> Any:
            if file is None:
                raise gr.Error("Record or upload something first.", print_exception=False)
            try:
                found = answer(model, file, most)
            except AudioFTError as error:
                raise gr.Error(in_a_sentence(error), print_exception=False) from error
            return [view.content(found) for view in views]

        # Whoever uploads or ends a recording wants the answer, whoever cuts a piece out of it presses the button.
        gr.on([button.click, recording.upload, recording.stop_recording], predict, recording,
              [view.component for view in views], api_name="predict")  # fmt: skip
    return page.queue(max_size=WAITING, default_concurrency_limit=1)


def launch(page: gradio.Blocks, *, host: str | None = None, port: int | None = None, wait: bool = True) -> str:
    """Serve a page and return its address, after it was stopped unless `wait` is False.

    `host` and `port` are where it listens; None leaves them to gradio, which asks its environment as a Space sets it.

    Raises:
        InputError: the port is taken.
    """
    gr = _gradio()
    # Fonts of the reader's system: nothing is loaded from other hosts.
    theme = gr.themes.Default(font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace"))
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, prevent_thread_lock=not wait, quiet=True, share=False,
            max_file_size=MAX_BYTES, ssr_mode=False, footer_links=["api"], theme=theme,
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"The demo cannot listen there ({error}); give another --port.") from error
    return str(address)


def _gradio() -> Any:
    """Return gradio, which sends nothing to its makers.

    Raises:
        InputError: it is not installed.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read at the import
    try:
        import gradio
    except ImportError as error:
        raise InputError(f"The demo needs gradio ({error}): pip install 'audio-ft[demo]'.") from error
    return gradio


def views_of(gr: Any, target: Target) -> list[_View]:
    """Return what the page shows of an answer: the prediction as its target allows, the cleaned audio, the notes."""
    views = [_View(*_prediction(gr, target))]
    if target.has_times:
        views.append(_View(gr.HTML(label="Timeline", show_label=True, container=True), _timeline))
    if target.formats:
        table = gr.Dataframe(headers=["start", "end", "text"], label="Times (s)", interactive=False, wrap=True,
                             column_widths=["15%", "15%", "70%"])  # fmt: skip
        player = gr.Audio(label="Recording with subtitles", interactive=False, buttons=["download"])
        views += [
            _View(table, lambda found: [[one[name] for name in ("start", "end", "text")]
                                        for one in target.segments(found.prediction)]),
            _View(player, lambda found: gr.Audio(_played(found.raw), subtitles=_subtitles(target, found))),
        ]  # fmt: skip
    cleaned = gr.Audio(label="As the model hears it, cleaned", interactive=False, buttons=["download"])
    views += [
        _View(cleaned, lambda found: _played(found.clean)),
        _View(gr.HTML(), lambda found: _notes(found.prediction.notes)),
    ]
    return views


def _prediction(gr: Any, target: Target) -> tuple[Any, Callable[[Answer], Any]]:
    """Return the component of the prediction itself, and what it gets: bars of classes, or text."""
    name = capitalized(target.wording.short)
    if target.ranked:
        bars = gr.Label(num_top_classes=SHOWN_LABELS, show_heading=target.exclusive, label=name)
        return bars, lambda found: dict(found.prediction)
    return gr.Textbox(label=name, interactive=False, lines=2), lambda found: target.as_line(found.prediction)


def _played(clip: Clip) -> tuple[int, Any] | None:
    """Return a clip as gradio plays it, its rate and samples (time, channels) in 16 bits; None for an empty one."""
    if not clip.length:
        return None
    return clip.rate, np.round(np.clip(clip.samples.T, -1, 1) * 32767).astype(np.int16)


def _subtitles(target: Target, found: Answer) -> list[dict[str, Any]]:
    segments = target.segments(found.prediction)
    return [{"text": one["text"], "timestamp": [one["start"], one["end"]]} for one in segments]


def _timeline(found: Answer) -> str:
    """Return the events of each class under the spectrogram."""
    spans: dict[str, list[tuple[float, float, bool]]] = {}
    for event in found.prediction["events"]:
        spans.setdefault(event["label"], []).append((event["onset"], event["offset"], True))
    if not spans or not found.clean.length:
        return "<p>No events.</p>"
    return to_svg(timeline(found.clean, [(label, (), spans[label]) for label in sorted(spans)]))


def _notes(notes: Sequence[str]) -> str:
    return "".join(f"<p>Note: {html.escape(note)}.</p>" for note in notes)
