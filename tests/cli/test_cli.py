"""The command line: frozen flags, exit codes, one clear sentence for bad input, and faces that stay stable."""

from __future__ import annotations

import csv
import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from waiting import HUNG

from audio_ft.audio.clip import Clip, read, write
from audio_ft.cli import command_list, parser
from audio_ft.cli import main as cli
from audio_ft.cli.console import columns, guarded
from audio_ft.errors import AudioFTError, InputError

ASSETS = Path(__file__).parents[2] / "audio_ft" / "assets"
MODEL, WORDS = str(ASSETS / "wav2vec2-mini"), ASSETS / "words"
LABELS = {"down", "go", "left", "no", "right", "stop", "up", "yes"}
COMMON = {"-h", "--help", "--debug", "--quiet"}
# Scripts rely on these: adding is fine (and needs a line here), removing and renaming breaks somebody.
FLAGS = {
    "quickstart": "--task --output-dir --data --epochs --overwrite",
    "inspect": "data --decode --no-decode --voices --html --anonymize --fix --doubts --undo --json --task --target"
    " --group --where --set",
    "cache": "--clear --older --json",
    "completion": "shell",
    "settings": "--code word --model --data --task --target --group --where --set --json",
    "show": "source --feature --output --save --log-frequency --dark --list",
    "clean": "--code source target --recipe --set",
    "prepare": "--code data output --model --seed --recipe --set --task --target --group --where --shard-size --shard"
    " --merge --engine --address",
    "train": "--code recipe --model --data --output-dir --task --target --group --set --where --smoke --overwrite"
    " --push-to-hub --allow-leaks --budget",
    "tune": "--code recipe --model --data --output-dir --task --target --group --set --where --smoke --overwrite"
    " --push-to-hub --allow-leaks --budget --trials --minutes --search",
    "ablate": "--code recipe --model --data --output-dir --task --target --group --set --where --smoke --overwrite"
    " --push-to-hub --allow-leaks --budget --json",
    "baselines": "--code data --models --output-dir --task --target --group --set --where --json --csv",
    "evaluate": "--code model data --split --json --task --target --group --set --where --slice --language"
    " --precision --lm --lm-words --lm-weight --word-score --beams",
    "doubts": "--code model data --target --group --set --where --count --csv --html --anonymize --task --language"
    " --json",
    "embed": "--code model data --output --layer --window --group --where --set",
    "anomaly": "--code source --output --model --layer --false-alarms --overwrite --data --target --normal --csv"
    " --group --where --set --json",
    "pretrain": "--code model data --output --epochs --learning-rate --units --seed --group --where --set",
    "map": "--code data --model --layer --window --group --where --set --clusters --projection --html --players --json",
    "segment": "--code model data --output --longest --agreement --task --target --group --where --set --language",
    "suggest": "--code model folder --count --pseudo-labels --confidence --json",
    "robustness": "--code model data --split --json --task --target --group --set --where --only --limit"
    " --output --overwrite",
    "explain": "--code model files --label --html --json",
    "compare": "--fail-if-worse first second --split --json",
    "export": "--code model --format --quantize --check --output-dir --split --task --target --group --where"
    " --set --json",
    "predict": "--csv --code model files --json --format --top-k --output --output-dir --language --backend"
    " --precision --lm --lm-words --lm-weight --word-score --beams",
    "listen": "--code model file --device --rate --fast --vad --json --language",
    "lm": "source output --order --target --where --set",
    "report": "run other --anonymize --output --errors --no-audio --no-map --explain --csv",
    "card": "run --anonymize --output --repo-id --set",
    "reproduce": "--code run --output-dir --model --data --overwrite --json",
    "demo": "--code model --port --host --space --examples --max-seconds --anonymize",
    "serve": "--code model --port --host --max-seconds --max-requests --language --precision",
    "push": "run repository --anonymize --private --revision --create-pr --predictions --sample-audio --smoke"
    " --dry-run --set",
}


def flags(command: str) -> set[str]:
    actions = command_list.parser_of(command)._actions
    return {name for action in actions for name in (action.option_strings or [action.dest])}


def test_the_commands_are_frozen():
    assert set(command_list.built_in()) == set(FLAGS)


@pytest.mark.parametrize("command", FLAGS)
def test_the_flags_of_each_command_are_frozen(command):
    assert flags(command) == set(FLAGS[command].split()) | COMMON


@pytest.mark.parametrize("command", FLAGS)
def test_the_first_line_of_a_command_s_file_is_its_help(command):
    line = command_list.built_in()[command]
    assert line == command_list.load(command).__doc__
    assert f"  {command:<12}{line.removesuffix('.')}\n" in cli.top_parser().format_help()


def test_help_is_by_stage_with_a_line_each_that_fits_and_examples_first():
    lines = cli.top_parser().format_help().splitlines()
    assert max(map(len, lines)) <= 80
    places = [lines.index(f"{heading}:") for heading in ("examples", *command_list.STAGES)]
    assert places == sorted(places)
    stages = command_list.by_stage()
    assert {name for commands in stages.values() for name in commands} == set(FLAGS)
    assert all(stage == command_list.load(name).STAGE for stage, commands in stages.items() for name in commands)


def test_the_examples_of_a_command_come_before_its_options():
    text = command_list.parser_of("predict").format_help()
    assert text.index("  audio-ft predict runs/first") < text.index("  --format {text")


def test_settings_are_found_by_words_and_by_what_others_call_them(capsys):
    assert cli.main(["settings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert {"data.target", "text.language", "events.threshold", "patience", "learning_rate", "warmup_steps"} <= {*names}
    assert "output_dir" not in names
    assert all(len(line.split()) > 3 for line in lines[1:]), "a setting without a description"
    assert cli.main(["settings", "batch", "--json"]) == 0
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert "batch_size" in found["per_device_train_batch_size"]["aliases"]
    assert cli.main(["settings", "lr"]) == 0
    assert "--set learning_rate=…" in capsys.readouterr().out
    assert cli.main(["settings", "patiens"]) == 2
    assert "Did you mean 'patience'?" in capsys.readouterr().err


def test_settings_of_a_model_and_data_are_values_with_their_origin(capsys):
    one = ["settings", "--model", MODEL, "--data", str(WORDS), "--set", "limit=16", "--set", "epochs=3", "--json"]
    assert cli.main(one) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["num_train_epochs"] == {"value": 3, "origin": "recipe"}
    assert values["learning_rate"]["origin"].startswith("default: suits wav2vec2")
    assert cli.main(["settings", "--model", MODEL]) == 2
    assert "--model and --data together" in capsys.readouterr().err


@pytest.mark.parametrize("command", FLAGS)
def test_each_command_explains_itself_without_loading_anything_heavy(command):
    code = (
        f"import sys\nfrom audio_ft.cli.main import main\ncode = main(['{command}', '--help'])\n"
        "heavy = {'torch', 'transformers', 'datasets', 'librosa', 'sklearn', 'scipy', 'pandas', 'av', 'soundfile'}\n"
        "print('loaded:', *sorted(heavy & set(sys.modules)))\nsys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HUNG, check=True)
    assert result.stdout.splitlines()[-1] == "loaded:"
    assert f"usage: audio-ft {command}" in result.stdout


def test_help_and_version_end_well(capsys):
    assert cli.main(["--help"]) == 0
    assert "quickstart" in capsys.readouterr().out
    assert cli.main(["--version"]) == 0
    version, decoders = capsys.readouterr().out.splitlines()
    assert version.startswith("audio-ft ")
    assert "libsndfile" in decoders


def test_no_command_shows_the_help_as_a_mistake(capsys):
    assert cli.main([]) == 2
    assert "usage: audio-ft" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["--dbug", "train"], "Did you mean '--debug'?"),
        (["train", "--ouput-dir", "x"], "Did you mean '--output-dir'?"),
        (["train", "--outp", "x"], "unknown argument '--outp'"),
        (["train"], "RECIPE, or --model and --data"),
        (["train", "--model", MODEL, "--data", "x"], "--output-dir"),
        (["evaluate", "run"], "required: DATA"),
        (["evaluate", "run", "data", "--split", "dev"], "invalid choice: 'dev'"),
        (["predict", "run", "x.wav", "--top-k", "0"], "'0' is not a whole number of at least 1"),
        (["quickstart", "--epochs", "many"], "'many' is not a number of epochs"),
    ],
)
def test_wrong_arguments_end_with_two_and_the_fix(words, sentence, capsys):
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "message", "said"),
    [
        (["--target", "--set"], "choose one with data.target=NAME", "choose one with --target NAME"),
        (["--set"], "choose one with data.target=NAME.", "choose one with --set data.target=NAME."),
        ([], "choose one with data.target=NAME", "choose one with data.target=NAME"),
        (["--where", "--set"], "data.where='age!=' leaves them out", "--where 'age!=' leaves them out"),
        (["--task", "--set"], "set task=transcription to learn them", "set --task transcription to learn them"),
        (["--set"], "8 bits need LoRA; add peft=lora.", "8 bits need LoRA; add --set peft=lora."),
        (["--target", "--set"], "text.target=a, a/data.target=1, data.start=''", None),
        (["--set"], "column data.target == 1 and metadata.csv", "column data.target == 1 and metadata.csv"),
    ],
)
def test_messages_name_settings_as_the_command_takes_them(options, message, said, monkeypatch):
    monkeypatch.setattr(parser, "_options", frozenset(options))
    said = said or "--set text.target=a, a/data.target=1, --set data.start=''"
    assert parser.in_options(message) == said


@pytest.fixture
def two_tables(tmp_path):
    names = [f"{number}.wav" for number in range(16)]
    for number, name in enumerate(names):
        write(Clip.tone(200 + 50 * number, 0.3), tmp_path / name)
    words = [f"{name},{'ja' if number % 2 else 'nee'}" for number, name in enumerate(names)]
    (tmp_path / "words.csv").write_text("\n".join(["file_name,woord", *words]))
    (tmp_path / "texts.csv").write_text("\n".join(["file_name,text", *(f"{name},yes it is" for name in names)]))
    return tmp_path


@pytest.mark.parametrize("options", [["--target", "woord"], ["--set", "target=woord"], ["--set", "data.target=woord"]])
def test_a_column_is_named_in_three_ways(two_tables, options, capsys):
    data = str(two_tables / "words.csv")
    assert cli.main(["inspect", data, *options]) == 0
    assert "target 'woord'" in capsys.readouterr().out


def test_what_has_no_label_is_asked_for_with_the_option_of_the_command(two_tables, capsys):
    assert cli.main(["inspect", str(two_tables / "words.csv")]) == 2
    assert "choose one with --target NAME" in capsys.readouterr().err


def test_transcripts_alone_make_the_task_and_it_is_said(two_tables, capsys):
    data, out = str(two_tables / "texts.csv"), str(two_tables / "out")
    assert cli.main(["inspect", data]) == 0
    said = capsys.readouterr()
    assert "task        transcription, because transcripts" in said.err
    assert "target 'text' (transcripts)" in said.out
    assert cli.main(["prepare", data, out]) == 0
    assert "task        transcription, because transcripts in column 'text' and no labels" in capsys.readouterr().err
    for task in (["--task", "classification"], ["--set", "task=classification"]):
        assert cli.main(["prepare", data, out, *task]) == 2
        assert "set --task transcription to learn them, or --target NAME" in capsys.readouterr().err


def test_a_task_that_is_not_the_model_s_is_refused(small_run, capsys):
    assert cli.main(["evaluate", str(small_run), str(WORDS), "--task", "transcription"]) == 2
    assert "--task transcription" in capsys.readouterr().err


def fail(error: BaseException):
    def work() -> int:
        raise error

    return work


@pytest.mark.skipif(os.name == "nt", reason="streams are closed by a shell of Unix")
@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(closed):
    work = f"{shlex.quote(sys.executable)} -m audio_ft --version {closed}"
    assert subprocess.run(["sh", "-c", work], timeout=HUNG, check=False).returncode == 0


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InputError("the fix."), 2, "audio-ft: error: the fix.\n"),
        (AudioFTError("no luck."), 1, "audio-ft: error: no luck.\n"),
        (KeyError("seven"), 1, "audio-ft: error: unexpected KeyError: 'seven'. Run again with --debug"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "audio-ft: error: no space left on"),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            1,
            "audio-ft: error: no space left on the disk",
        ),
        (OSError(errno.EFBIG, "File too large"), 1, "audio-ft: error: File too large; check the disk, "),
        (InputError("a.wav: No space left on device."), 1, "audio-ft: error: a.wav: No space left"),
        (KeyboardInterrupt(), 130, "audio-ft: stopped"),
    ],
)
def test_each_way_to_fail_has_its_code_and_one_sentence(error, code, sentence, capsys):
    assert guarded(fail(error)) == code
    said = capsys.readouterr().err
    assert said.startswith(sentence)
    assert "Traceback" not in said
    assert guarded(fail(error), debug=True) == code
    assert "Traceback" in capsys.readouterr().err


def test_a_stop_is_one_too_when_a_library_fails_on_the_way_out(capsys):
    def work() -> int:
        try:
            raise KeyboardInterrupt
        finally:
            raise TimeoutError

    assert guarded(work) == 130
    assert "unexpected" not in capsys.readouterr().err


def test_sigterm_stops_a_command_with_130():
    code = (
        "import sys, time\nfrom audio_ft.cli.console import guarded\n"
        "def work():\n    print('ready', flush=True)\n    time.sleep(60)\n    return 0\n"
        "sys.exit(guarded(work))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=HUNG)
    assert process.returncode == 130
    assert b"stopped" in errors
    assert b"Traceback" not in errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="about forks")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["before", "after_in_parent"])
def test_an_interrupt_during_a_fork_is_not_lost(number, when):
    code = (
        # Registered first, so that the module under test is asked after it, as after the hooks of logging.
        f"import os, sys, time\nforks = []\n"
        f"os.register_at_fork({when}=lambda: forks and os.kill(os.getpid(), {int(number)}))\n"
        "from audio_ft.cli.console import guarded\n"
        "def work():\n    forks.append(1)\n    child = os.fork()\n    if not child: os._exit(0)\n"
        "    os.waitpid(child, 0)\n    time.sleep(60)\n    return 0\n"
        "sys.exit(guarded(work))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HUNG, check=False)
    assert result.returncode == 130, result.stderr
    assert "Exception ignored" not in result.stderr
    assert "stopped" in result.stderr


def test_a_closed_output_pipe_is_not_an_error():
    code = (
        "import sys\nfrom audio_ft.cli.console import guarded, show\n"
        "def work():\n    for _ in range(100000): show('line')\n    return 0\nsys.exit(guarded(work))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=HUNG) == 130


@pytest.mark.filterwarnings("ignore:library warning")
def test_the_libraries_talk_only_under_debug(capsys):
    import logging
    import warnings

    def work() -> int:
        warnings.warn("library warning", stacklevel=1)
        logging.getLogger("a.library").warning("library log")
        logging.getLogger("audio_ft.somewhere").info("our message")
        return 0

    assert guarded(work) == 0
    assert capsys.readouterr().err == "our message\n"
    assert guarded(work, quiet=True) == 0
    assert capsys.readouterr().err == ""
    assert guarded(work, debug=True) == 0
    assert "library log" in capsys.readouterr().err


def test_columns_of_a_table_are_as_wide_as_their_widest_cell():
    rows = [("split", "clips"), ("validation", "8")]
    assert columns(rows) == ["split       clips", "validation  8"]
    assert columns(rows, right=True) == ["split       clips", "validation      8"]


def corpus(folder: Path, edit=None) -> Path:
    """Write eight clips of each of two words into train, and four into validation and test, with metadata."""
    for split, voices in (("train", 8), ("validation", 4), ("test", 4)):
        table = list(csv.DictReader((WORDS / split / "metadata.csv").open()))
        rows = [row for word in ("yes", "no") for row in [row for row in table if row["label"] == word][:voices]]
        rows = edit(split, rows) if edit else rows
        (folder / split).mkdir(parents=True)
        for row in rows:
            shutil.copy(WORDS / split / row["file_name"], folder / split)
        with (folder / split / "metadata.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["file_name", "label", "speaker_id"])
            writer.writeheader()
            writer.writerows(rows)
    return folder


def empty_split(folder: Path) -> list[str]:
    corpus(folder, lambda split, rows: [] if split == "validation" else rows)
    return []


def single_class(folder: Path) -> list[str]:
    corpus(folder, lambda split, rows: [row for row in rows if row["label"] == "yes"])
    return []


def label_only_in_test(folder: Path) -> list[str]:
    corpus(folder, lambda split, rows: [{**row, "label": "maybe"} for row in rows] if split == "test" else rows)
    return []


def unreadable_files(folder: Path) -> list[str]:
    corpus(folder)
    for file in sorted((folder / "train").glob("*.ogg"))[:3]:
        file.write_bytes(b"OggS then nothing of use")
    return []


def zero_length_clips(folder: Path) -> list[str]:
    corpus(folder)
    for file in sorted((folder / "train").glob("*.ogg"))[:3]:
        file.write_bytes(b"")
    return []


def not_a_number(folder: Path) -> list[str]:
    import soundfile

    rows = [("bad.wav", "yes", "a"), ("bad2.wav", "no", "b")]
    corpus(folder, lambda split, own: own)
    for name, label, speaker in rows:
        samples = np.full(16_000, 0.1, np.float32)
        samples[100:200] = np.nan
        soundfile.write(folder / "train" / name, samples, 16_000, subtype="FLOAT")
        with (folder / "train" / "metadata.csv").open("a") as stream:
            stream.write(f"{name},{label},{speaker}\n")
    return []


def unknown_column(folder: Path) -> list[str]:
    corpus(folder)
    return ["--set", "data.target=lable"]


def typo_in_a_setting(folder: Path) -> list[str]:
    corpus(folder)
    return ["--set", "lerning_rate=1e-4"]


def wrong_kind_of_value(folder: Path) -> list[str]:
    corpus(folder)
    return ["--set", "learning_rate=fast"]


def metric_of_another_task(folder: Path) -> list[str]:
    corpus(folder)
    return ["--set", "metric=concordance", "--set", "num_train_epochs=1"]


def unknown_filter(folder: Path) -> list[str]:
    corpus(folder)
    return ["--where", "speeker=1"]


def nothing_left(folder: Path) -> list[str]:
    corpus(folder)
    return ["--where", "label=perhaps"]


def no_folder(folder: Path) -> list[str]:
    return []


def no_recordings(folder: Path) -> list[str]:
    folder.mkdir()
    return []


def unknown_family(folder: Path) -> list[str]:
    corpus(folder)
    checkpoint = folder.with_name("checkpoint")
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text('{"model_type": "bert"}')
    return ["--model", str(checkpoint)]


def push_without_words(folder: Path) -> list[str]:
    corpus(folder)
    return ["--push-to-hub", "me/words"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_folder, ["data", "no such folder"]),
        (no_recordings, ["data", "no recordings"]),
        (empty_split, ["validation"]),
        (single_class, ["'yes'", "two"]),
        (label_only_in_test, ["maybe", "test"]),
        (unreadable_files, ["train/", "5%", "max_corrupt"]),
        (zero_length_clips, ["train/", "empty", "max_corrupt"]),
        (not_a_number, ["bad.wav", "max_corrupt"]),
        (unknown_column, ["lable", "label"]),
        (typo_in_a_setting, ["lerning_rate", "learning_rate"]),
        (wrong_kind_of_value, ["learning_rate", "number", "fast"]),
        (metric_of_another_task, ["concordance", "accuracy"]),
        (unknown_filter, ["speeker", "speaker_id"]),
        (nothing_left, ["label=perhaps"]),
        (unknown_family, ["bert", "wav2vec2"]),
        (push_without_words, ["intended_use", "limits", "consent"]),
    ],
)
def test_bad_input_gives_one_sentence_and_leaves_nothing(make, words, tmp_path, capsys):
    extra = make(tmp_path / "data")
    output = tmp_path / "run"
    arguments = ["train", "--model", MODEL, "--data", str(tmp_path / "data"), "--output-dir", str(output), *extra]
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert said.err.splitlines()[-1] == errors[0]
    assert all(word in errors[0] for word in words), errors[0]
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not output.exists()


def test_a_wrong_call_leaves_a_finished_run_alone(small_run, capsys):
    before = (small_run / "run.json").stat().st_mtime_ns
    words = ["train", "--model", MODEL, "--data", str(WORDS), "--output-dir", str(small_run)]
    assert cli.main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (small_run / "run.json").stat().st_mtime_ns == before


def test_training_from_flags_and_over_a_few_unreadable_files(tmp_path, capsys):
    data = corpus(tmp_path / "data")
    (data / "train" / "broken.wav").write_bytes(b"RIFF")
    with (data / "train" / "metadata.csv").open("a") as stream:
        stream.write("broken.wav,yes,nobody\n")
    output = tmp_path / "run"
    words = ["train", "--model", MODEL, "--data", str(data), "--output-dir", str(output), "--quiet"]
    words += ["--set", "max_steps=2", "--set", "max_corrupt=0.1", "--set", "per_device_train_batch_size=4"]
    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert "accuracy" in said.out
    assert "majority" in said.out
    assert "split       " not in said.err
    assert "warning: 2 optimizer steps are few to learn from" in said.err
    assert "excluded: train/broken.wav" in said.err
    run = json.loads((output / "run.json").read_text())
    assert run["scores"]["test"]["accuracy"].keys() == {"value", "low", "high", "n"}
    assert [file for file, _ in run["splits"]["train"]["unreadable"]] == ["train/broken.wav"]
    assert run["recipe"]["training"]["max_steps"] == 2


def test_evaluate_prints_json_and_nothing_else(own_run, capsys):
    assert cli.main(["evaluate", str(own_run), str(WORDS), "--split", "test", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    run = json.loads((own_run / "run.json").read_text())
    assert scores["accuracy"]["n"] == 48
    assert scores["accuracy"]["value"] == pytest.approx(run["scores"]["test"]["accuracy"]["value"])
    assert scores.keys() == run["scores"]["test"].keys()


def test_evaluate_prints_a_table_with_intervals(own_run, capsys):
    assert cli.main(["evaluate", str(own_run), str(WORDS), "--split", "validation"]) == 0
    out = capsys.readouterr().out
    assert "validation split" in out
    assert "48 clips" in out
    assert "resampled by group (8 groups)" in out


def predicted(words: list[str], capsys) -> list[dict]:
    cli.main(["predict", *words, "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_predict_prints_one_object_a_line_and_goes_on_past_unreadable_files(small_run, tmp_path, capsys):
    good = sorted(map(str, (WORDS / "test").glob("*.ogg")))[:2]
    broken = tmp_path / "größe [1].wav"
    broken.write_bytes(b"no sound")
    missing = str(tmp_path / "missing.wav")
    lines = predicted([str(small_run), good[0], str(broken), missing, good[1]], capsys)
    assert [line["file"] for line in lines] == [good[0], str(broken), missing, good[1]]
    assert [set(line) for line in lines] == [
        {"file", "labels"},
        {"file", "error"},
        {"file", "error"},
        {"file", "labels"},
    ]
    assert lines[2]["error"] == "no such file"
    assert set(lines[0]["labels"]) == LABELS
    assert sum(lines[0]["labels"].values()) == pytest.approx(1)


def test_predict_fails_only_when_no_file_could_be_read(small_run, tmp_path, capsys):
    good, missing = str(next((WORDS / "test").glob("*.ogg"))), str(tmp_path / "missing.wav")
    assert cli.main(["predict", str(small_run), good, missing]) == 0
    said = capsys.readouterr()
    assert "1 of 2 files could not be read" in said.err
    assert "cannot be read: no such file" in said.out
    assert cli.main(["predict", str(small_run), missing]) == 2


def test_predict_takes_folders_and_patterns_and_each_file_once(small_run, tmp_path, capsys):
    clip = read(next((WORDS / "test").glob("*.ogg")))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("deep/b.wav", "deep/er/a.flac", "c.wav"):
        write(clip, tmp_path / name)
    (tmp_path / "deep" / "notes.txt").write_text("no recording")
    words = [str(small_run), str(tmp_path / "deep"), str(tmp_path / "*.wav"), str(tmp_path / "**/*.flac")]
    lines = predicted(words, capsys)
    assert [line["file"] for line in lines] == [
        str(tmp_path / name) for name in ("deep/b.wav", "deep/er/a.flac", "c.wav")
    ]
    (tmp_path / "bare").mkdir()
    assert cli.main(["predict", str(small_run), str(tmp_path / "bare")]) == 2
    assert cli.main(["predict", str(small_run), str(tmp_path / "*.mp3")]) == 2


def test_predict_writes_a_file_whole_or_not_at_all(small_run, tmp_path, capsys):
    good = str(next((WORDS / "test").glob("*.ogg")))
    output = tmp_path / "answers.jsonl"
    assert cli.main(["predict", str(small_run), good, "--top-k", "2", "--output", str(output)]) == 0
    assert capsys.readouterr().out == ""
    assert len(json.loads(output.read_text())["labels"]) == 2
    assert cli.main(["predict", str(small_run), good, "--output", str(tmp_path / "no" / "where.txt")]) == 2
    assert "where.txt: cannot be written: no such folder" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["answers.jsonl"]


def test_predict_handles_clips_that_the_chain_empties(small_run, tmp_path, capsys):
    write(Clip(np.zeros((1, 8_000), np.float32), 8_000), tmp_path / "silence.wav")
    (line,) = predicted([str(small_run), str(tmp_path / "silence.wav")], capsys)
    assert line.keys() in ({"file", "labels", "notes"}, {"file", "error"})


def test_quickstart_shows_a_finished_run_again(small_run, capsys):
    # That nothing is trained again shows in run.json, which small_run_stays_as_it_is watches.
    assert cli.main(["quickstart", "--output-dir", str(small_run)]) == 0
    said = capsys.readouterr()
    assert "--overwrite" in said.err
    for piece in ("accuracy", "majority", "linear on MFCC", "audio-ft inspect", "audio-ft train", "audio-ft predict"):
        assert piece in said.out


@pytest.mark.slow
def test_the_quickstart_learns_the_words(tmp_path, capsys):
    assert cli.main(["quickstart", "--output-dir", str(tmp_path / "run")]) == 0
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["scores"]["test"]["accuracy"]["value"] > run["baselines"]["linear on MFCC"]["accuracy"]["value"] + 0.1
    predict = capsys.readouterr().out.splitlines()[-1].split()
    assert predict[:2] == ["audio-ft", "predict"]
    assert cli.main(predict[1:]) == 0
