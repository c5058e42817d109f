"""Try checkpoints with a hostile value in one setting, each in a process of its own with limits on time and memory."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from checkpoints import RATE, TINY, speech, tiny_checkpoint, tiny_transcriber

import audio_ft as aft
from audio_ft.errors import AudioFTError, InputError
from audio_ft.models import load_adapter
from audio_ft.models.checkpoint import check_settings
from audio_ft.models.load import quiet_transformers
from audio_ft.targets import Label
from audio_ft.tasks import Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings, try_out
from audio_ft.tasks.ctc_tokenizer import make_tokenizer

# Of the processor's time, so that other work on the machine does not matter.
SECONDS, MEGABYTES = 10, 600
LABELS = ("no", "yes")
# One of each kind that a field may not expect, as JSON.
VALUES: Mapping[str, str] = {
    "1e9": "1000000000",
    "-1": "-1",
    "0": "0",
    "nan": "NaN",
    "1e308": "1e308",
    "0.5": "0.5",
    "1000": "1000",
    "text": '"x"',
    "true": "true",
    "null": "null",
    "[]": "[]",
    "{}": "{}",
    "list": str(list(range(100_000))),
    "deep": "[" * 1_000 + "]" * 1_000,
}
FILES = ("config.json", "preprocessor_config.json", "generation_config.json", "tokenizer_config.json")
# One of the architectures with each feature extractor, whose code the others share, is tried with every value.
REPRESENTATIVES = ("wav2vec2-layer/text", "whisper/text", "wav2vec2-bert/text", "ast/classes")


class Outcome(NamedTuple):
    """Hold how a trial ended ("ok", "refused", "fault"), in which words, and how many MB it took."""

    end: str
    words: str
    megabytes: float


def kinds() -> list[str]:
    """Return the name of a tiny checkpoint of each architecture and norm, with each head it can be saved with."""
    names = [f"{name}/classes" for name in TINY]
    return [*names, *(f"{name}/text" for name, tiny in TINY.items() if "ASTF" not in tiny.extractor)]


def saved(kind: str, folder: Path) -> Path:
    """Write a tiny checkpoint with a classifier or a head that writes text into a folder."""
    import transformers

    name, _, head = kind.partition("/")
    if name == "whisper" and head == "text":
        return Path(tiny_transcriber(folder))
    start = tiny_checkpoint(name, folder)
    auto = "AutoModelForAudioClassification" if head == "classes" else "AutoModelForCTC"
    with quiet_transformers():
        model = getattr(transformers, auto).from_pretrained(
            start, **({"vocab_size": 8} if head == "text" else {"id2label": dict(enumerate(LABELS))})
        )
    model.save_pretrained(folder)
    if head == "text":
        make_tokenizer(("<pad>", "<unk>", "|", *"ABCDE")).save_pretrained(folder)
    return folder


def fields(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (file, field) of every setting: those in the files, and all others that the configuration has."""
    import transformers

    for name in FILES:
        if not (folder / name).is_file():
            continue
        known = dict.fromkeys(json.loads((folder / name).read_text()))
        if name == "config.json":
            known |= dict.fromkeys(transformers.AutoConfig.from_pretrained(folder).to_dict())
        yield from ((name, field) for field in known)


def trials(kind: str, folder: Path, known: Mapping[str, frozenset[tuple[str, str]]]) -> list[tuple[str, str, str]]:
    """Return what to try of a checkpoint, as (file, field, name of a value).

    These are all values of settings that the representative with the same feature extractor has not, by `known`, and
    one of the others, another for each setting and kind.
    """
    extractor = TINY[kind.partition("/")[0]].extractor
    shared = next(known[one] for one in known if TINY[one.partition("/")[0]].extractor == extractor)
    found = []
    for place, (file, field) in enumerate(fields(folder), start=kinds().index(kind)):
        every = kind in known or (file, field) not in shared
        found += [(file, field, name) for name in (VALUES if every else [list(VALUES)[place % len(VALUES)]])]
    return found


def use(folder: Path) -> None:
    """Do with a checkpoint what commands do: predict with its own head, and learn a step with a new one."""
    import torch

    wave = speech(RATE // 2)
    with torch.random.fork_rng(devices=[]):
        aft.load(folder, device="cpu")([(wave, RATE), (wave[: RATE // 4], RATE)])
        adapter = load_adapter(str(folder))
        task = Classification(Label(("a", "b", "c")))
        checkpoint = Checkpoint(adapter, str(folder))
        try_out(task, checkpoint)
        mask = adapter.mask_settings((), RATE // 2)
        with quiet_transformers():
            model = task.build(checkpoint, HeadSettings(mask=mask)).train()
        adapter = adapter.masking(mask)
        batch = adapter.collate([adapter.extract(wave), adapter.extract(wave[: RATE // 4])])
        task.loss(model, batch, torch.tensor([0, 1]), HeadSettings())[0].backward()


def trial(folder: Path, file: str, field: str, value: str) -> Outcome:
    """Use a checkpoint with one setting changed to a value in JSON, and restore the setting.

    Most are refused by what reads JSON alone, here; the others are used in a fork.
    """
    place = folder / file
    before = place.read_bytes()
    others = [f"{json.dumps(name)}: {json.dumps(one)}" for name, one in json.loads(before).items() if name != field]
    place.write_text("{" + ", ".join([*others, f"{json.dumps(field)}: {value}"]) + "}")
    try:
        check_settings(folder)
        return limited(folder)
    except InputError as error:
        return _refused(error)
    finally:
        place.write_bytes(before)


def _refused(error: AudioFTError) -> Outcome:
    """Return how a trial ended that an error of ours stopped: a fault, unless it is one line of a sane length."""
    whole = len(str(error)) < 700 and len(str(error).splitlines()) == 1
    return Outcome("refused" if whole else "fault", str(error)[:1000], 0.0)


def limited(folder: Path) -> Outcome:
    """Use a checkpoint in a fork that may take so many seconds and megabytes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            _report(folder, writer)
        finally:  # also where the parent has been killed, or the fork would run its tests again
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not said:
        return Outcome("fault", f"the process ended with {status}", 0.0)
    end, words, megabytes = json.loads(said)
    return Outcome(end if megabytes < MEGABYTES else "fault", words, megabytes)


def _report(folder: Path, writer: int) -> None:
    """Use a checkpoint, and write how it ended."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    start = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    limit = (_memory("VmSize") + 2 * MEGABYTES) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
    try:
        use(folder)
        found = "ok", ""
    except AudioFTError as error:
        found = _refused(error)[:2]
    except BaseException as error:  # noqa: BLE001  (any other end is a fault, and is reported)
        found = "fault", f"{type(error).__name__}: {str(error)[:300]}"
    os.write(writer, json.dumps([*found, _memory("VmHWM") - start]).encode())


def _memory(name: str) -> float:
    """Return a figure of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
