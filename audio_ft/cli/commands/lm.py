"""Make a language model of words, for predict and evaluate --lm."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say, show
from audio_ft.cli.inputs import empty_recipe, saved_recipe, with_columns
from audio_ft.cli.options import add_options

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

STAGE = "train"
EPILOG = """examples:
  audio-ft lm runs/speech words.arpa                     from the training transcripts of a run
  audio-ft lm sentences.txt words.arpa --order 2         from a text with a sentence a line
  audio-ft lm recordings words.arpa --target sentence --set text.language=tr
  audio-ft predict runs/speech talk.wav --lm words.arpa

Of data with splits, only the training split is read. Words are spelled as in the run, otherwise in lower case without
punctuation. More text makes a better model. With it, only words of the text can be predicted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `lm`."""
    parser.add_argument("source", metavar="TEXT_OR_DATA", help="text file, run, or data with transcripts")
    parser.add_argument("output", metavar="OUT.arpa", help="file to write")
    parser.add_argument("--order", metavar="N", type=int, default=3, help="longest n-grams, 2 to 5 (default: 3)")
    add_options(parser, "--target", "--where", "--set", set="another setting of the data or text: text.language=tr")


def run(arguments: argparse.Namespace) -> None:
    """Write the language model."""
    from audio_ft.tasks.ngram_lm import estimate

    source = Path(arguments.source).expanduser()
    recipe = (saved_recipe(source) or empty_recipe(str(source))).override(arguments.set)
    recipe = recipe.replace(data=with_columns(recipe.data, arguments))
    text = recipe.text.resolved(case="lower", punctuation="remove")
    spelled = [text.apply(sentence) for sentence in _sentences(source, recipe)]
    sentences = [sentence.split() for sentence in spelled if sentence]
    model = estimate(sentences, arguments.order)
    model.write(arguments.output)
    words = sum(map(len, sentences))
    show(
        f"written: {arguments.output}, order {model.order}: {len(model.words):,} different words, of {words:,} in "
        f"{len(sentences):,} sentences"
    )


def _sentences(source: Path, recipe: Recipe) -> Iterable[str]:
    """Return the sentences of a text file, or the valid transcripts of the training split."""
    from audio_ft.data import load
    from audio_ft.data.readers.manifests import MANIFEST_SUFFIXES
    from audio_ft.data.readers.text_files import lines_of, read_text
    from audio_ft.data.splitting.splits import SPLITS
    from audio_ft.targets import Transcript
    from audio_ft.targets.transcripts import fault

    if source.is_file() and source.suffix.lower() not in MANIFEST_SUFFIXES:
        return lines_of(read_text(source))
    loaded = load(recipe.data, targets=(Transcript,), need=SPLITS)
    transcripts = list(loaded.splits["train"]["target"])
    valid = [transcript for transcript in transcripts if fault(transcript, recipe.text) is None]
    if len(valid) < len(transcripts):
        say(f"excluded: {len(transcripts) - len(valid):,} empty or garbled transcripts")
    return valid
