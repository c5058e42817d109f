"""`main(recipe)`, the last line of a recipe file: reads the command line and trains."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from audio_ft.cli.console import Parser, add_common_arguments, guarded
from audio_ft.cli.recipe_options import add_recipe_arguments, train_recipe

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe


def main(recipe: Recipe, argv: Sequence[str] | None = None) -> NoReturn:
    """Train a recipe as the command line says, and exit the program.

    The last lines of a recipe file: `if __name__ == "__main__": main(recipe)`.

    Raises:
        SystemExit: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    file = Path(sys.argv[0])

    def work() -> int:
        parser = Parser(prog=f"python {file}", description=getattr(sys.modules["__main__"], "__doc__", None))
        add_recipe_arguments(parser)
        add_common_arguments(parser)
        return train_recipe(recipe, parser.parse(words), file.stem)

    sys.exit(guarded(work, debug="--debug" in words, quiet="--quiet" in words))
