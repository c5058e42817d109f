"""What the report and the card both read of a run: its hardware, and the measurements saved beside it, in words."""

from __future__ import annotations

import json
import logging
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from audio_ft.data.leaks.certificate import Certificate
from audio_ft.evaluation.robustness import ROBUSTNESS_FILE
from audio_ft.evaluation.summary import SLICES_FILE, describes
from audio_ft.file_io import read_json
from audio_ft.formatting import capitalized, counted
from audio_ft.metrics import Score, direction
from audio_ft.metrics.names import headlines, score_name
from audio_ft.models.frames import MARK
from audio_ft.models.scratch import OWN, is_from_scratch
from audio_ft.redaction import display_name, redact_run
from audio_ft.run import RUN_FILE, Run

logger = logging.getLogger(__name__)

# The scores of a class, the one that sorts classes first.
CLASS_SCORES = ("recall", "precision", "f1", "event_recall", "event_precision", "event_f1")


def hardware(run: Run) -> str:
    """Return the processors that a run was computed on, "2 × NVIDIA A100 and 8 cores of AMD EPYC"."""
    boards = Counter(str(name) for name in run.hardware["accelerators"])
    cores = f"{run.hardware['cores']} cores of {run.hardware['processor'] or 'an unnamed processor'}"
    return " and ".join([*(f"{count} × {name}" for name, count in boards.items()), cores])


def settings(run: Run) -> dict[str, str]:
    """Return the recipe's settings without tokens and local paths, then those that training used."""
    recipe = redact_run(run).recipe.to_dict()
    data, chain = recipe.pop("data"), recipe.pop("chain")
    rows: dict[str, Any] = {"model": recipe.pop("model")}
    rows |= {f"data.{name}": value for name, value in data.items()}
    rows |= {f"chain {number}": step for number, step in enumerate(chain, start=1)}
    rows |= recipe | {f"used {name}": value for name, value in run.used.items()}
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        for name, value in rows.items()
    }


def command(run: Run, repository: str | None = None) -> str:
    """Return the command that trains a run again, from the Hub or with the last part of its folder alone."""
    folder = run.folder.resolve()
    # An anonymized copy has none.
    known = ("runs/" if folder.parent.name == "runs" else "") + folder.name if (folder / RUN_FILE).is_file() else "RUN"
    return f"audio-ft reproduce {shlex.quote(repository or known)}"


def better_baselines(run: Run) -> str:
    """Return a sentence where baselines have a better main test score than the model, else ""."""
    name = run.target.headline
    ours = run.scores["test"].get(name)
    if ours is None:
        return ""
    sign = 1 if direction(name) else -1
    better = {baseline: scores[name] for baseline, scores in run.other_baselines.items()
              if name in scores and sign * (scores[name].value - ours.value) > 0}  # fmt: skip
    if not better:
        return ""
    values = " and ".join(f"{score.value:.3f} of {baseline}" for baseline, score in better.items())
    inside = all(ours.low <= score.value <= ours.high for score in better.values())
    within = ", inside this model's confidence interval" if inside else ""
    return f"{score_name(name).title} is {ours.value:.3f}, against {values}{within}."


def batches_text(run: Run) -> str:
    """Return how batches change what plain transformers answers with the saved model, "" where they do not."""
    config = _config(run)
    group_norm = config.get("feat_extract_norm") == "group"
    padding = "the padding of shorter recordings"
    if any("ForCTC" in name for name in config.get("architectures") or ()):
        more = " and lets it into its group normalization" if group_norm else ""
        return (
            f"Pass recordings one by one: in batches, plain transformers also decodes {padding}{more}, which changes "
            "transcripts; those of audio_ft do not depend on the batch."
        )
    if group_norm:
        return (
            f"In batches, plain transformers lets {padding} into this network's group normalization, which moves "
            "probabilities a little; those of audio_ft do not depend on the batch."
        )
    return ""


def needs_audio_ft(run: Run) -> bool:
    """Return whether plain transformers lacks the network of a run."""
    return is_from_scratch(run.recipe.model) or str(_config(run).get("model_type", "")).startswith(OWN)


def cross_validation_of(run: Run) -> Run | None:
    """Return the cross-validation that a run is a fold of, from the folder around it; None where there is none."""
    around = run.folder.resolve().parent
    if not (around / RUN_FILE).is_file():
        return None
    whole = Run.load(around)
    return whole if any(fold["folder"] == run.folder.resolve().name for fold in whole.folds.values()) else None


def _config(run: Run) -> dict[str, Any]:
    """Return config.json of a run's model, {} where it is not at hand."""
    # A repository on the Hub has the model's files beside run.json.
    files = (folder / "config.json" for folder in (run.model_folder, run.folder))
    return next((read_json(file) for file in files if file.is_file()), {})


def model_type(run: Run) -> str | None:
    """Return the architecture that a run's model has by its config.json, None where that is not at hand."""
    found = _config(run).get("model_type")
    return str(found) if found else None


def frame_code(run: Run, path: str) -> str:
    """Return Python lines with which plain transformers computes the probabilities of frames, "" for other models."""
    config = _config(run)
    if not run.target.has_times or not config.get("architectures"):
        return ""
    kind, rate = config["architectures"][0], run.recipe.steps.output_rate(16_000)
    frames = ["frames = model(**inputs).logits.sigmoid()[0]  # (frames, classes)"]
    if config.get(MARK):
        # transformers averages over the frames before its last layer.
        frames = [
            "kept = []",
            "model.projector.register_forward_hook(lambda *call: kept.append(call[-1]))",
            "model(**inputs)",
            "frames = model.classifier(kept[0]).sigmoid()[0]  # (frames, classes)",
        ]
    return "\n".join([
        "import soundfile",
        f"from transformers import AutoFeatureExtractor, {kind}",
        "",
        f"folder = {json.dumps(path)}",
        "extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)",
        f"model = {kind}.from_pretrained(folder, trust_remote_code=False)",
        'samples, rate = soundfile.read("recording.wav", dtype="float32")',
        f"first = samples[: int({run.data['window_seconds']:g} * rate)]",
        f'inputs = extractor(first, sampling_rate={rate}, return_tensors="pt")',
        *frames,
    ])  # fmt: skip


def class_scores(run: Run) -> dict[str, dict[str, Score | None]]:
    """Return {label: {metric: score}} of the test split; a score is None if it is undefined for the class."""
    test = run.scores["test"]
    metrics = [name for name in CLASS_SCORES if any(f"{name}[{label}]" in test for label in run.labels)]
    found = {label: {name: test.get(f"{name}[{label}]") for name in metrics} for label in run.labels}
    return {label: scores for label, scores in found.items() if any(scores.values())}


def retention(run: Run) -> dict[str, Any]:
    """Return the headline scores before and after fine-tuning: column names, and rows of (title, {column: score})."""
    extra = run.recipe.extra_eval
    names = {"test": "test split", "extra_eval": display_name(extra.path) if extra else "extra_eval"}
    rows = [
        (f"{names[split]}: {score_name(metric).title}", {state: found[state][metric] for state in found})
        for split, found in run.retention.items()
        for metric in headlines(run.scores["test"])
        if all(metric in scores for scores in found.values())
    ]
    return {"columns": list(dict.fromkeys(state for _, scores in rows for state in scores)), "rows": rows}


def leaks_text(run: Run) -> list[str]:
    """Return what the leak certificate says about the test split, and the scores without the clips that leak.

    Recordings and speakers are counted and not named; a run of an older version has no certificate.
    """
    if not run.leaks:
        return []
    found = Certificate.from_dict(run.leaks)
    lines = [found.summary()]
    if found.silent:
        lines.append(
            f"{counted(found.silent, 'clip')} too short or too steady to be recognized: compared by samples only."
        )
    if groups := found.leaked_groups():
        lines.append(f"{counted(len(groups), 'group')} of the test split may be in training under another spelling.")
    if found.leaked() or groups:
        lines.append("Training was allowed with allow_leaks; the scores of the whole split flatter the model.")
        left = "; ".join(f"{score_name(name).title} {run.without_leaks[name]} ({run.without_leaks[name].n:,} clips)"
                         for name in headlines(run.scores["test"]) if name in run.without_leaks)  # fmt: skip
        lines.append(f"Without the clips that leak: {left}." if left else "No clip of the test split is free of leaks.")
    if number := found.transcripts.get("test in train"):
        lines.append(
            f"{counted(number, 'text')} of the test split {'is' if number == 1 else 'are'} read in training too: no "
            "copies, but known words."
        )
    return lines


def leaky(run: Run) -> bool:
    """Return whether clips or speakers of the test split are in training too."""
    found = Certificate.from_dict(run.leaks) if run.leaks else Certificate({})
    return bool(found.leaked() or found.leaked_groups())


def slice_results(run: Run) -> dict[str, Any]:
    """Return the content of slices.json beside a run; {} without one, or with one of another run."""
    return _read(run, SLICES_FILE, "evaluate", lambda found: describes(found, run))


def robustness_results(run: Run) -> dict[str, Any]:
    """Return the content of robustness.json beside a run; {} without one, or with an unfinished or another run's."""
    model = run.digests["model"]
    found = _read(run, ROBUSTNESS_FILE, "robustness", lambda found: model in found.get("of", {}).get("model", ()))
    return found if found.get("complete") else {}


def _read(run: Run, file: str, command: str, is_own: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    path = run.folder / file
    found = read_json(path) if path.is_file() else {}
    if found and not is_own(found):
        logger.warning(
            f"warning: {path} belongs to another training than this run and is ignored; "
            f"run `audio-ft {command} {run.folder} DATA` to replace it."
        )
        return {}
    return found


def calibration_text(found: Mapping[str, Any]) -> list[str]:
    """Return the calibration error beside the one that chance explains, and what temperature scaling changes."""
    error, limit = found["error"], found["chance_high"]
    judgment = "more than chance explains, so the model is miscalibrated" if error > limit else "within chance"
    text = (
        f"Expected calibration error: {error:.3f} over {found['n']:,} recordings. It is the average gap between "
        f"confidence and accuracy. A perfectly calibrated model would score {found['chance']:.3f} on average, and "
        f"below {limit:.3f} in 95 % of samples of this size; the error is {judgment}."
    )
    temperature = found["temperature"]
    if temperature is None:
        return [text, f"No temperature was fitted: {found['why']}."]
    confident = "overconfident" if temperature > 1 else "underconfident"
    return [
        text,
        f"On the validation split the model is {confident}: temperature scaling with T = {temperature:.2f} changes the "
        f"test error to {found['error_after']:.3f}.",
    ]


def robustness_text(found: Mapping[str, Any], run: Run) -> list[str]:
    """Return the clean score and the worst perturbation; the data is named if it is not that of the training."""
    data = display_name(found["data"])
    where = "" if data == display_name(str(run.data["path"])) else f" of {data}"
    title, clean = score_name(found["metric"]).title, Score.from_dict(found["clean"])
    return [
        f"{found['n']:,} recordings of the {found['split']} split{where} were scored without change "
        f"({title.lower()} {clean}) and under perturbations applied before the model's own cleaning.",
        f"{capitalized(found['sentence'])}.",
    ]
