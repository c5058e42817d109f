"""Check what inspect, clean, train and predict do with each of the difficult files, against their manifest.

    python benchmarks/nasty_files.py ../shared/data/nasty.tar.xz [--verbs inspect clean]

The manifest names 84 files and folders and says what a good program does with each: decode it, decode it and note
something, reject it with a reason, or leave it out of a folder. The four commands run as a user runs them, on the
folder of all files, with the shipped wav2vec2-mini and one step of training. Copies are only looked for where a set is
judged, in inspect. Root may read everything, so the folder without permissions is not checked where root runs this,
unless without these powers: setpriv --bounding-set=-dac_override,-dac_read_search
--inh-caps=-dac_override,-dac_read_search python benchmarks/nasty_files.py …
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
STEP = ("--set", "max_corrupt=1", "--set", "max_steps=1", "--set", "per_device_train_batch_size=64",
        "--allow-leaks")  # fmt: skip
# Notes of the reader that a row's `expect` asks for, by the findings of inspect that say the same.
FINDINGS = {"silent": "silent", "outside [-1, 1]": "outside full scale", "truncated": "truncated",
            "duplicate content": "duplicate", "very quiet": "near-silent", "anti-phase": "anti-phase"}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Hold what a command did with a file: whether it was read, why not, and what it noted, if it `named` files."""

    read: bool
    reason: str = ""
    notes: tuple[str, ...] = ()
    named: bool = True


def allowed(row: Mapping[str, str], outcome: Outcome | None, *, judges_sets: bool) -> bool:
    """Return whether an outcome is one that the manifest allows."""
    expect, file = row["expect"], row["file"]
    if outcome is None:
        # A scan of a folder takes neither folders, files without a suffix, hidden files nor rings of links.
        return file.endswith("/") or file == "flac_no_extension" or expect.startswith(("skip", "must not"))
    if not outcome.read:
        wanted = expect.partition("reject: ")[2].split(",")[0].split(" (")[0]
        return ("reject" in expect or expect.startswith("must not")) and outcome.reason.startswith(wanted)
    if expect.startswith("reject"):  # too short: padded, which is the same for all short clips, and inspect says so
        return expect.startswith("reject: too short")
    if not expect.startswith("decode+warn") or not outcome.named:
        return True
    if "duplicate" in expect and not judges_sets:
        return True
    wanted = expect.removeprefix("decode+warn").lstrip(":, ").split(", or")[0].split(",  or")[0]
    return any(note.startswith("" if wanted.startswith("or reject") else wanted) for note in outcome.notes)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    run = [sys.executable, "-m", "audio_ft", *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=3600)


def inspected(files: Path, folder: Path) -> dict[str, Outcome]:
    """Return the outcome of each file in `audio-ft inspect`."""
    found = json.loads(command("inspect", str(files), "--json", "--decode").stdout)
    says = {finding: note for note, finding in FINDINGS.items()}
    return {
        one["key"]: Outcome(one["error"] is None, one["error"] or "",
                            tuple(says.get(name, name) for name in one["findings"]))
        for one in found["recordings"]
    }  # fmt: skip


def cleaned(files: Path, folder: Path) -> dict[str, Outcome]:
    """Return the outcome of each file in `audio-ft clean`, by the journal in the folder it wrote."""
    command("clean", str(files), str(folder / "clean"))
    lines = map(json.loads, (folder / "clean" / ".done.jsonl").read_text("utf-8").splitlines())
    return {line["key"]: Outcome(line["error"] is None, line["error"] or "", tuple(line["notes"])) for line in lines}


def trained(files: Path, folder: Path) -> dict[str, Outcome]:
    """Return the outcome of each file in a training of one step; its record counts notes without naming files."""
    keys = [key for key in inspected(files, folder) if not key.endswith("/")]
    with (files / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "label", "split"])
        for number, key in enumerate(keys):
            writer.writerow([key, "ab"[number % 2], ("train", "train", "train", "validation", "test")[number // 2 % 5]])
    done = command("train", "--model", str(ASSETS / "wav2vec2-mini"), "--data", str(files / "train.csv"), *STEP,
                   "--output-dir", str(folder / "run"))  # fmt: skip
    (files / "train.csv").unlink()
    if done.returncode:
        raise SystemExit(done.stderr)
    run = json.loads((folder / "run" / "run.json").read_text("utf-8"))
    losses = [entry["loss"] for entry in run["history"] if "loss" in entry]
    print(f"loss of the one step: {losses}")
    gone = dict(pair for split in run["splits"].values() for kind in ("unreadable", "excluded") for pair in split[kind])
    return {key: Outcome(key not in gone, gone.get(key, ""), named=False) for key in keys}


def predicted(files: Path, folder: Path) -> dict[str, Outcome]:
    """Return the outcome of each file in `audio-ft predict`, with the model of the training."""
    lines = map(json.loads, command("predict", str(folder / "run"), str(files), "--json").stdout.splitlines())
    return {
        os.path.relpath(line["file"], files): Outcome("error" not in line, line.get("error", ""),
                                                      tuple(line.get("notes", ())))
        for line in lines
    }  # fmt: skip


VERBS: dict[str, Callable[[Path, Path], dict[str, Outcome]]] = {
    "inspect": inspected, "clean": cleaned, "train": trained, "predict": predicted,
}  # fmt: skip


def main() -> None:
    """Unpack the files, run the commands, and print the rows that they do not treat as expected."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=list(VERBS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        shutil.unpack_archive(arguments.archive, place)
        nasty = Path(place) / "nasty"
        subprocess.run(["sh", nasty / "make_special.sh"], check=True)
        os.environ["AUDIO_FT_CACHE"] = f"{place}/cache"
        with (nasty / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for verb in arguments.verbs:
            found = VERBS[verb](nasty / "files", Path(place))
            may_all = os.access(nasty / "files" / "special" / "unreadable_dir", os.R_OK)
            checked = [row for row in rows if not (may_all and "permission denied" in row["expect"])]
            wrong = [row for row in checked if not allowed(row, found.get(row["file"]), judges_sets=verb == "inspect")]
            unchecked = (
                f", {len(rows) - len(checked)} not checked: this user may read all" if len(checked) < len(rows) else ""
            )
            print(f"{verb}: {len(checked) - len(wrong)} of {len(rows)} as expected{unchecked}", flush=True)
            for row in wrong:
                print(f"  {row['file'][:60]!r}: expected {row['expect']!r}, got {found.get(row['file'])}")
        (nasty / "files" / "special" / "unreadable_dir").chmod(0o700)


if __name__ == "__main__":
    main()
