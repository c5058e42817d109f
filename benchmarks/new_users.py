"""Walk three new users' paths to a trained model, and print what they type and what they see.

    python benchmarks/new_users.py FOLDER

The recordings are those of the quickstart, laid out as people have them: a table with German column names, class
folders with the speaker in the file name, and a folder of wav and txt. Each path starts with `audio-ft inspect`; what
is typed next is on the screen before. Trainings are smoke runs of four steps (--whole trains as usual).
"""

from __future__ import annotations

import argparse
import csv
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
MODEL = ASSETS / "wav2vec2-mini"
# In a path, what the data and the run are called.
DATA, RUN = "recordings", "run"


def words() -> Iterator[tuple[Path, str, str]]:
    """Yield each recording of a word with its word and its voice, a third of them."""
    for file in sorted((ASSETS / "words").glob("*/*.ogg"))[::3]:
        voice, _, word = file.stem.rpartition("_")
        yield file, word, voice


def converted(file: Path, target: Path) -> None:
    """Write a recording as a wav of 16 bits."""
    from audio_ft.audio.clip import read, write

    target.parent.mkdir(parents=True, exist_ok=True)
    write(read(file), target)


def german_table(folder: Path) -> None:
    """Lay out recordings with a table of German column names, semicolons between cells, as a spreadsheet saves it."""
    rows = [["Datei", "Wort", "Sprecherin"]]
    for number, (file, word, voice) in enumerate(words()):
        converted(file, folder / "ton" / f"{number:03}.wav")
        rows.append([f"{number:03}.wav", word, voice])
    with (folder / "liste.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream, delimiter=";").writerows(rows)


def class_folders(folder: Path) -> None:
    """Lay out a folder for each word, with the voice and the take in the names of the files."""
    for file, word, voice in words():
        converted(file, folder / word / f"{voice.replace('_', '-')}_01.wav")


def wav_and_txt(folder: Path) -> None:
    """Lay out a folder of recordings with their transcripts beside them."""
    for split in ("train", "validation"):
        with (ASSETS / "sentences" / split / "metadata.csv").open(encoding="utf-8") as stream:
            for row in list(csv.DictReader(stream))[::8]:
                stem = folder / Path(row["file_name"]).stem
                converted(ASSETS / "sentences" / split / row["file_name"], stem.with_suffix(".wav"))
                stem.with_suffix(".txt").write_text(row["text"], encoding="utf-8")


# What each user types after the first look; what they learned from it is in the screen of `inspect`.
PATHS: dict[str, tuple[Callable[[Path], None], list[list[str]]]] = {
    "a label column in another language": (german_table, [["--target", "Wort", "--group", "Sprecherin"]]),
    "class folders with speakers in the file name": (
        class_folders,
        [["--set", "data.name_pattern={label}/{speaker}_{}"]],
    ),
    "a folder of wav and txt": (wav_and_txt, []),
}


def typed(folder: Path, more: list[list[str]], *, smoke: bool) -> Iterator[list[str]]:
    """Yield the commands of one user in the folder."""
    yield ["inspect", DATA]
    for options in more:
        yield ["inspect", DATA, *options]
    options = [option for part in more for option in part]
    yield ["train", "--model", str(MODEL), "--data", DATA, *options, "--output-dir", RUN, *(["--smoke"] * smoke)]
    one = sorted((folder / DATA).rglob("*.wav"))[0].relative_to(folder)
    yield ["predict", f"{RUN}-smoke" if smoke else RUN, str(one)]


def walk(name: str, folder: Path, *, smoke: bool = True) -> Iterator[tuple[list[str], int, str]]:
    """Lay out the data of one path and yield each command with its exit code and its screen."""
    lay_out, more = PATHS[name]
    lay_out(folder / DATA)
    for command in typed(folder, more, smoke=smoke):
        program = [sys.executable, "-m", "audio_ft", *command]
        found = subprocess.run(program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False)  # fmt: skip
        yield command, found.returncode, found.stdout


def main() -> None:
    """Walk all paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--whole", action="store_true", help="train as usual, which takes minutes")
    arguments = parser.parse_args()
    for place, name in enumerate(PATHS):
        print(f"\n=== {name}")
        for command, code, screen in walk(name, arguments.folder / str(place), smoke=not arguments.whole):
            print(f"\n$ audio-ft {shlex.join(command)}\n{screen}[exit code {code}]")


if __name__ == "__main__":
    main()
