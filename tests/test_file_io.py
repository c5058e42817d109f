"""Files and folders appear whole or not at all, and what cannot be written or read is one sentence."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audio_ft.errors import InputError
from audio_ft.file_io import (
    append_json_line,
    is_disk_full,
    read_json,
    read_json_lines,
    remove_unfinished,
    replacing,
    write_bytes,
    write_json,
    write_text,
)


def test_a_file_replaces_the_old_one_when_the_block_ends(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with replacing(file) as unfinished, unfinished.open("w") as stream:
        stream.write("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o444 == 0o444
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_replaces_the_old_one_with_all_that_it_held(tmp_path):
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "old").touch()
    with replacing(folder) as unfinished:
        unfinished.mkdir()
        (unfinished / "new").touch()
        assert (folder / "deep" / "old").is_file()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "new"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("folder", [False, True])
def test_an_interruption_leaves_the_old_content_and_nothing_else(tmp_path, error, folder):
    target = tmp_path / "target"
    target.write_text("old")

    def interrupted():
        with replacing(target) as unfinished:
            if folder:
                unfinished.mkdir()
                (unfinished / "half").touch()
            else:
                unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["target"]


def test_a_name_as_long_as_the_file_system_allows_is_written(tmp_path):
    file = tmp_path / ("n" * 255)
    write_text(file, "whole")
    assert file.read_text() == "whole"


def test_what_a_killed_process_left_is_hidden_found_and_removed(tmp_path):
    program = (
        "import os, signal\nfrom pathlib import Path\nfrom audio_ft.file_io import replacing\n"
        "with replacing(Path('a')) as unfinished, replacing(Path('deep/b')) as other:\n"
        "    unfinished.write_text('half')\n    other.mkdir()\n    (other / 'half').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (tmp_path / "deep").mkdir()
    (tmp_path / ".my own.part").touch()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=False)
    left = [path.name for path in tmp_path.rglob("*.part")]
    assert len(left) == 3
    assert all(name.startswith(".") for name in left)
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".my own.part", "deep"]
    remove_unfinished(tmp_path, below=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".my own.part", "deep"]


def test_the_same_content_is_not_written_again(tmp_path):
    file = tmp_path / "a"
    write_bytes(file, b"same")
    os.utime(file, (1, 1))
    write_bytes(file, b"same")
    assert file.stat().st_mtime == 1
    write_bytes(file, b"else")
    assert file.read_bytes() == b"else"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("gone/a", "no such folder: .*gone; make it"),
        ("file/a", "no such folder"),
        ("folder", "folder: cannot be written: Is a directory; make its folder writable, or give another folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_with_the_fix(tmp_path, place, words):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=words):
        write_text(tmp_path / place, "text")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_folders_are_made_where_asked_or_the_obstacle_is_named(tmp_path):
    write_text(tmp_path / "a" / "b" / "c", "text", make_parents=True)
    assert (tmp_path / "a" / "b" / "c").read_text() == "text"
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        write_text(tmp_path / "a" / "b" / "c" / "d" / "e", "text", make_parents=True)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("I/O error: No space left on device")]
)
def test_a_full_disk_is_called_so_whatever_library_finds_it(tmp_path, error):
    def full():
        with replacing(tmp_path / "model") as unfinished:
            unfinished.mkdir()
            raise error

    with pytest.raises(InputError, match="model: cannot be written: no space left on the disk; free some") as told:
        full()
    assert is_disk_full(told.value)
    assert os.listdir(tmp_path) == []


def test_errors_of_what_the_block_reads_are_not_about_writing(tmp_path):
    def reading():
        with replacing(tmp_path / "a"):
            (tmp_path / "gone").read_text()

    with pytest.raises(FileNotFoundError, match="gone"):
        reading()

    def downloading():
        with replacing(tmp_path / "a"):
            raise ConnectionError("the Hub cannot be reached")

    with pytest.raises(ConnectionError):
        downloading()


def test_json_reads_back_as_it_was_written(tmp_path):
    content = {"name": "größe", "file": "caf\udce9.wav", "values": [1, 0.5, None]}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    assert "größe" in (tmp_path / "a.json").read_text("utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "a.json: there is no such file"),
        (b'{"half": ', "a.json: not valid JSON"),
        (b"\xff\xfe\xff", "a.json: not valid JSON"),
        (b"[" * 200_000, "a.json: not valid JSON .nested too deep"),
        (b"[1]", "a.json: expected a JSON object, got list"),
    ],
)
def test_a_file_without_a_json_object_is_refused_in_one_sentence(tmp_path, content, words):
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_json(tmp_path / "a.json")


def test_a_line_that_a_kill_cut_short_is_passed_over_and_swallows_nothing(tmp_path):
    file = tmp_path / "journal.jsonl"
    assert read_json_lines(file) == []
    append_json_line(file, {"key": "caf\udce9.wav"})
    with file.open("ab") as stream:
        stream.write(b'{"key": "b.w')
    assert read_json_lines(file) == [{"key": "caf\udce9.wav"}]
    append_json_line(file, {"key": "c.wav"})
    assert read_json_lines(file) == [{"key": "caf\udce9.wav"}, {"key": "c.wav"}]
