"""A run without anything that names people, places or recordings, for cards, reports and pushes of sensitive data.

Kept is what is listed here: scores, counts, classes, settings, and the author's own texts on use, limits, consent and
license. Recordings and groups become numbers, in the order of the predictions; hashes could be guessed from the names.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.data.table.columns import GROUP, among
from audio_ft.evaluation.compare_runs import match
from audio_ft.evaluation.robustness import ROBUSTNESS_FILE
from audio_ft.evaluation.summary import SLICES_FILE, describe
from audio_ft.file_io import read_json, write_json
from audio_ft.models.scratch import is_from_scratch
from audio_ft.recipe import Recipe
from audio_ft.redaction import EXCLUDED, hub_id
from audio_ft.run import ADAPTER_FOLDER, MODEL_FOLDER, PREDICTIONS_FILE, Run
from audio_ft.targets import Target

if TYPE_CHECKING:
    from pandas import DataFrame

# What stands for data and checkpoints that are not on the Hub.
DATA, UNLABELED, CHECKPOINT, LEFT_OUT = "recordings", "unlabeled", "checkpoint", "left out"
# Settings of data that hold names of columns, files, folders or people.
PRIVATE_DATA = (
    "sources",
    "together",
    "root",
    "columns",
    "name_pattern",
    "where",
    "splits",
    "test_fold",
    "gaps",
    "name",
    "revision",
)
# Settings of Trainer that name places.
PLACES = re.compile(r"(run_name|project|.*_dir|.*_id|.*_revision|.*checkpoint|.*token.*)")
# What the columns of consent and license may say without naming anybody.
STATED = re.compile(
    r"yes|no|y|n|true|false|0|1|given|refused|withdrawn|not stated|public domain|"
    r"(cc[0-]?|creative commons|mit|apache|bsd|gpl|odbl|odc-by|pddl)\b[\w .,-]*",
    re.IGNORECASE,
)
# Fields of a run that name nobody; any other one that is not rewritten here is left out.
KEPT = {"kind", "labels", "scores", "baselines", "best", "history", "parameters", "versions", "hardware", "seconds"}
KEPT |= {"training", "budget", "created", "retention", "smoke", "without_leaks", "seeds", "spread", "tuning"}
KEPT |= {"pretraining"}
# The columns of predictions.parquet that describe sound and not people.
FACTS = ("seconds", "rate", "level", "snr", "start", "end", "channel")


def anonymized(run: Run, folder: Path) -> Run:
    """Return a copy of a run in an empty folder, without names of people, places and recordings, and transcripts.

    The folder gets predictions and robustness as far as the run has them, and links to the model.
    """
    for name in (MODEL_FOLDER, ADAPTER_FOLDER):
        if (run.folder / name).is_dir():
            (folder / name).symlink_to((run.folder / name).resolve(), target_is_directory=True)
    recipe = _recipe(run.recipe)
    group = run.data.get("group")
    named = group if group is None or among(str(group), GROUP) else "group"
    if (run.folder / PREDICTIONS_FILE).is_file():
        import pandas

        table = _predictions(pandas.read_parquet(run.folder / PREDICTIONS_FILE), run.target)
        table.to_parquet(folder / PREDICTIONS_FILE, index=False)
    if (run.folder / ROBUSTNESS_FILE).is_file():
        write_json(folder / ROBUSTNESS_FILE, read_json(run.folder / ROBUSTNESS_FILE) | {"data": recipe.data.path})
    data = {
        "path": recipe.data.path,
        "target": run.data.get("target"),
        "group": named,
        "rule": _rule(run, named),
        "warnings": [],
        "pseudo_labels": run.data.get("pseudo_labels", 0),
        "rights": {column: _stated(counts) for column, counts in run.data.get("rights", {}).items()},
        "window_seconds": run.data.get("window_seconds"),
    }
    copy = Run(
        **{name: getattr(run, name) for name in KEPT},
        leaks=_leaks(run.leaks),
        folder=folder,
        recipe=recipe,
        data=data,
        splits={name: _split(counts) for name, counts in run.splits.items()},
        intervals=run.intervals.replace(str(group), str(named)),
        digests=dict(run.digests) | {"data": LEFT_OUT, "recipe": recipe.digest},
        folds={str(number): {**fold, "folder": f"fold-{number}"}
               for number, fold in enumerate(run.folds.values(), start=1)},
    )  # fmt: skip
    if (run.folder / SLICES_FILE).is_file() and (folder / PREDICTIONS_FILE).is_file():
        describe(copy)  # again, because slices by the data's own columns may name people
    return copy


def anonymized_pair(first: Run, second: Run, folder: Path) -> list[Run]:
    """Return copies of two runs without names, in which a clip that both predicted has the same number.

    The copies have the test predictions alone.

    Raises:
        InputError: the runs cannot be compared.
    """
    found = match(first, second)
    copies = []
    for name, run, predictions in (("A", first, found.first), ("B", second, found.second)):
        (folder / f"named {name}").mkdir()
        (folder / name).mkdir()
        predictions.table.to_parquet(folder / f"named {name}" / PREDICTIONS_FILE, index=False)
        copies.append(anonymized(dataclasses.replace(run, folder=folder / f"named {name}"), folder / name))
    return copies


def _recipe(recipe: Recipe) -> Recipe:
    """Return a recipe without paths, filters, prompts and places."""
    plain = recipe.to_dict()
    plain["model"] = recipe.model if hub_id(recipe.model) or is_from_scratch(recipe.model) else CHECKPOINT
    plain["teacher"] = recipe.teacher if recipe.teacher and hub_id(recipe.teacher) else None
    if plain["pretrain"] not in (None, "train") and not hub_id(plain["pretrain"]):
        plain["pretrain"] = UNLABELED
    for name in ("data", "extra_eval"):
        if plain.get(name):
            public = hub_id(plain[name]["path"])
            kept = {} if public else dict.fromkeys(PRIVATE_DATA)
            plain[name] = {key: value for key, value in (plain[name] | kept).items() if value is not None}
            plain[name]["path"] = public or DATA
            if isinstance(plain[name].get("folds"), str) and not public:
                del plain[name]["folds"]
    plain["text"] = {name: value for name, value in plain["text"].items() if name != "prompt"}
    plain["training"] = {
        name: value for name, value in plain["training"].items() if not PLACES.fullmatch(name) and not _is_place(value)
    }
    for name in ("chain", "augment"):
        if plain.get(name):
            plain[name] = [{key: LEFT_OUT if _is_place(value) else value for key, value in item.items()}
                           for item in plain[name]]  # fmt: skip
    plain["push_to_hub"] = None
    return Recipe.from_dict(plain)


def _is_place(value: Any) -> bool:
    return isinstance(value, str) and ("/" in value or "\\" in value)


def _rule(run: Run, group: str | None) -> str:
    """Return how the splits were made; a fold may be named after a speaker."""
    if run.recipe.data.folds is not None or run.recipe.data.test_fold is not None:
        return "folds of the data"
    if run.recipe.data.sources is not None:
        return "each source in its own splits"
    rule = str(run.data["rule"])
    rule = rule.replace(str(run.data["group"]), str(group)) if run.data.get("group") else rule
    return "given by the data" if rule.startswith("given by") else rule


def _split(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a split, with the number of excluded recordings only."""
    kept = {name: value for name, value in counts.items() if name not in (*EXCLUDED, "notes")}
    notes: dict[str, int] = {}
    for note, count in counts.get("notes", {}).items():
        kind = note.partition(":")[0]
        notes[kind] = notes.get(kind, 0) + count
    excluded = {kind: [[f"recording {number}", LEFT_OUT] for number in range(1, len(counts.get(kind, ())) + 1)]
                for kind in EXCLUDED}  # fmt: skip
    return {**kept, **excluded, "notes": notes}


def _leaks(leaks: Mapping[str, Any]) -> dict[str, Any]:
    """Return a leak certificate with numbers for the names of recordings and groups, each name its own."""
    numbers: dict[str, int] = {}

    def numbered(pair: Mapping[str, str], what: str) -> dict[str, str]:
        named = {part: name for part, name in pair.items() if part.endswith(("key", "name"))}
        return {
            **pair,
            **{part: f"{what} {numbers.setdefault(name, len(numbers) + 1)}" for part, name in named.items()},
        }

    kinds = {"pairs": "leaking recording", "alike": "leaking group"}
    return {**leaks, **{kind: [numbered(pair, what) for pair in leaks[kind]] for kind, what in kinds.items()
                        if kind in leaks}}  # fmt: skip


def _stated(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what a column of consent or license says, other texts as one."""
    found: dict[str, int] = {}
    for value, count in counts.items():
        name = value if STATED.fullmatch(value) and len(value) < 40 else "other"
        found[name] = found.get(name, 0) + count
    return found


def _predictions(table: DataFrame, target: Target) -> DataFrame:
    """Return predictions with numbers for recordings and groups, and masks for the words of transcripts."""
    import pandas

    groups = {name: f"group {number}" for number, name in enumerate(pandas.unique(table["group"].dropna()), start=1)}
    kept = [name for name in ("split", *FACTS, "reference", *_own_columns(table)) if name in table]
    found = table[kept].copy()
    found.insert(1, "file", [f"recording {number}" for number in range(1, len(table) + 1)])
    found["group"] = [groups.get(name) for name in table["group"]]
    found["meta"] = "{}"
    if target.by_words:
        counts = table[["words", "substitutions", "deletions", "insertions"]].astype(int).to_numpy().tolist()
        found["reference"] = ["word " * max(row[0], 0) for row in counts]
        found["prediction"] = [_masked(*row) for row in counts]
        found["reference"] = found["reference"].str.strip()
    return found


def _own_columns(table: DataFrame) -> Sequence[str]:
    """Return the columns that the target adds to a table of predictions."""
    known = {"split", "file", "group", "reference", "meta", *FACTS}
    return [name for name in table.columns if name not in known]


def _masked(words: int, substitutions: int, deletions: int, insertions: int) -> str:
    """Return a text with as many right, wrong, missing and added words as a transcript."""
    right = max(words - substitutions - deletions, 0)
    return " ".join(["word"] * right + ["other"] * substitutions + ["added"] * insertions)
