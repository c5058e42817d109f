"""What fuzzing found, and what a door reads to begin with: whatever the bytes, only InputError comes out of a door."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import doors

FOUND = {
    "kaldi-empty-segment": ("manifest", b"\x09a a.wav\n\0\0u\n\0"),
    "kaldi-no-recording": ("manifest", b"\x09\n\0\0\0"),
    "elan-unknown-encoding": ("track", b'\x02<?xml version="1.0" encoding="UTF-9"?>\n<ANNOTATION_DOCUMENT/>'),
    "elan-odd-encoding": ("track", b'\x02<?xml version="1.0" encoding="UTF-7"?>\n<ANNOTATION_DOCUMENT/>'),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_fuzzing_found_is_refused(name):
    door, data = FOUND[name]
    doors.DOORS[door](data)


def test_a_damaged_sheet_is_refused(tmp_path):
    """Every bit of the flags of the first file inside, as a flag may ask for what `zipfile` does not implement."""
    place = doors.MANIFESTS.index(".xlsx")
    sheet = next(seed[1:] for seed in doors.seeds("manifest") if seed[0] == place)
    entry = sheet.index(b"PK\x01\x02")
    for bit in range(16):
        changed = bytearray(sheet)
        changed[entry + 8 + bit // 8] ^= 1 << bit % 8
        doors.manifest(bytes([place]) + changed)


@pytest.mark.parametrize("door", doors.DOORS)
def test_a_door_reads_its_seeds_and_takes_them_cut_and_changed(door):
    rng = random.Random(0)
    for seed in doors.seeds(door):
        doors.DOORS[door](seed)
        for _ in range(4):
            changed = bytearray(seed[: rng.randint(1, len(seed))] if rng.random() < 0.5 else seed)
            changed[rng.randrange(len(changed))] = rng.randrange(256)
            doors.DOORS[door](bytes(changed))


def test_a_run_with_any_value_changed_is_read_or_refused(tmp_path):
    from audio_ft.errors import InputError
    from audio_ft.run import Run

    refused = 0
    for number in range(150):
        content = doors.altered(json.loads(doors.valid("run.json")), random.Random(number))
        (tmp_path / "run.json").write_text(json.dumps(content))
        try:
            Run.load(tmp_path)
        except InputError:
            refused += 1
    assert refused > 50
