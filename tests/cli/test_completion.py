"""Shell completion: scripts that the shells accept, and that complete commands, options and choices."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from waiting import HUNG

from audio_ft.cli import main as cli
from audio_ft.cli.commands.completion import SHELLS

# What bash does when Tab is pressed, with the words typed so far as arguments.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function=$(complete -p audio-ft | sed -E 's/.*-F ([^ ]+).*/\\1/')
"$function" audio-ft "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def script(shell: str, capsys) -> str:
    assert cli.main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_accepts_its_script(shell, tmp_path, capsys):
    file = tmp_path / f"audio-ft.{shell}"
    file.write_text(script(shell, capsys))
    for word in ("quickstart", "robustness", "output-dir"):
        assert word in file.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(file)], check=True, timeout=HUNG)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["rob"], {"robustness"}),
        (["re"], {"report", "reproduce"}),
        (["train", "--output"], {"--output-dir"}),
        (["evaluate", "run", "data", "--split", "v"], {"validation"}),
    ],
)
def test_bash_completes_commands_options_and_choices(typed, completed, tmp_path, capsys):
    file = tmp_path / "audio-ft.bash"
    file.write_text(script("bash", capsys))
    (tmp_path / "press_tab.sh").write_text(PRESS_TAB)
    words = ["bash", str(tmp_path / "press_tab.sh"), str(file), "audio-ft", *typed]
    offered = subprocess.run(words, capture_output=True, text=True, check=True, timeout=HUNG, cwd=tmp_path)
    assert set(offered.stdout.split()) == completed, offered.stderr
