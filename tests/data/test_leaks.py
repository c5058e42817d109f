"""Leaks between splits: copies are found by their sound, names by their spelling, and nothing else is."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.fingerprint import fingerprint
from audio_ft.augmentation.codec import encoded
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data.leaks.alike import look_alike, spellings
from audio_ft.data.leaks.certificate import CHANGED, EXACT, PART, Certificate
from audio_ft.data.leaks.certify import Side, certify, copies_of, families
from audio_ft.data.leaks.copies import find_copies, united_clips

WORDS = sorted((Path(__file__).parents[2] / "audio_ft" / "assets" / "words").rglob("*.ogg"))[::30]


@pytest.fixture(scope="module")
def clips():
    return [read(str(path)) for path in WORDS]


def codes(source):
    """Return the fingerprint of a recording as training has it, after cleaning."""
    clean = DEFAULT_CHAIN(source if isinstance(source, Clip) else read(source))
    return fingerprint(clean.samples[0], clean.rate)


def wav(samples, rate, subtype="PCM_16"):
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), rate, format="WAV", subtype=subtype)
    return content.getvalue()


def resampled(clip, rate):
    import soxr

    return wav(soxr.resample(clip.samples[0], clip.rate, rate), rate)


def cut(clip):
    start, stop = round(0.12 * clip.length), round(0.9 * clip.length)
    return wav(clip.samples[0, start + 13 : stop], clip.rate)


def inside(clip):
    before, after = (read(str(path)).samples[0][::-1] for path in WORDS[:2])
    return wav(np.concatenate([before, clip.samples[0], after]), clip.rate)


CHANGES = {
    "gain": lambda clip: wav(clip.samples[0] * 0.13, clip.rate),
    "24 bits": lambda clip: wav(clip.samples[0], clip.rate, "PCM_24"),
    "MP3 at 64 kbit/s": lambda clip: encoded(clip, "libmp3lame", "mp3", 16_000, 64),
    "Opus at 32 kbit/s": lambda clip: encoded(clip, "libopus", "ogg", 48_000, 32),
    "44,100 Hz": lambda clip: resampled(clip, 44_100),
    "8,000 Hz": lambda clip: resampled(clip, 8_000),
    "cut": cut,
    "inside": inside,
}


def test_takes_of_one_word_are_not_copies(clips):
    assert len(clips) > 10
    assert find_copies([codes(clip) for clip in clips]) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_however_it_was_changed(change, clips):
    originals = [codes(clip) for clip in clips]
    chosen = range(2, len(clips), 3)
    copies = [codes(CHANGES[change](clips[place])) for place in chosen]
    found = {(copy.first, copy.second) for copy in find_copies(originals + copies)}
    assert {(place, len(originals) + row) for row, place in enumerate(chosen)} <= found


@settings(deadline=None, max_examples=20)
@given(gain=st.floats(1e-4, 8), place=st.integers(0, 10), shift=st.integers(0, 3_000))
def test_gain_changes_nothing_and_a_shift_is_the_lag(clips, gain, place, shift):
    wave, rate = clips[place % len(clips)].samples[0], clips[0].rate
    own = fingerprint(wave, rate)
    louder = fingerprint(wave * np.float32(gain), rate)
    assert np.bitwise_count(own ^ louder).mean() < 0.2
    later = fingerprint(np.concatenate([np.zeros(shift, np.float32), wave]), rate)
    (copy,) = find_copies([later, own])
    assert copy.agreement > 0.8
    assert copy.lag == pytest.approx(shift / rate / 0.004, abs=1.5)


@settings(deadline=None, max_examples=10)
@given(order=st.permutations(range(6)))
def test_the_order_of_clips_does_not_matter_and_none_is_its_own_copy(clips, order):
    prints = [*(codes(clip) for clip in clips[:4]), codes(cut(clips[1])), codes(CHANGES["gain"](clips[2]))]
    found = find_copies([prints[place] for place in order])
    assert {frozenset((order[copy.first], order[copy.second])) for copy in found} == {
        frozenset((1, 4)),
        frozenset((2, 5)),
    }
    assert all(copy.first < copy.second for copy in found)


def test_silence_tones_and_moments_match_nothing():
    tone = Clip.tone(440, 1.0).samples[0]
    silent = [np.zeros(16_000), np.full(16_000, 0.3), tone, tone[100:], tone[:50], np.zeros(0)]
    prints = [fingerprint(wave.astype(np.float32), 16_000) for wave in silent]
    assert not any(np.count_nonzero(one[20:-20]) for one in prints)
    assert find_copies(prints) == []
    assert find_copies([]) == []


def test_only_sides_are_compared_and_families_are_joined(clips):
    prints = [codes(clips[0]), codes(cut(clips[0])), codes(CHANGES["gain"](clips[0])), codes(clips[1])]
    assert {(one.first, one.second) for one in find_copies(prints, [0, 0, 1, 1])} == {(0, 2), (1, 2)}
    assert united_clips(find_copies(prints), 4) == [0, 0, 0, 3]


def test_copies_are_found_among_many_others():
    rng = np.random.default_rng(0)
    prints = list(rng.integers(1, 2**32, (2_000, 100), dtype=np.uint32))
    chosen = range(0, 2_000, 50)
    wrong = np.packbits(rng.random((len(chosen), 80, 32)) < 0.1, axis=2).view(np.uint32)[..., 0]
    copies = [prints[place][15:95] ^ flips for place, flips in zip(chosen, wrong, strict=True)]
    found = find_copies([*prints, *copies], [0] * 2_000 + [1] * len(copies))
    assert [(copy.first, copy.second, copy.lag) for copy in found] == [
        (place, 2_000 + row, 15) for row, place in enumerate(chosen)
    ]


def side(clips, *keys, groups=(), digests=None, transcripts=()):
    return Side(keys, digests or [""] * len(keys), [codes(clip) for clip in clips], groups, transcripts)


def test_a_certificate_names_pairs_by_kind(clips):
    changed = [clips[0], CHANGES["gain"](clips[1]), inside(clips[2]), clips[5]]
    splits = {
        "test": side(clips[:4], *"abcd", digests="0123"),
        "train": side(changed, *"ABCD", digests="0567"),
    }
    found = certify(splits)
    assert [(pair.kind, pair.split, pair.key, pair.other_split, pair.other_key) for pair in found.pairs] == [
        (EXACT, "train", "A", "test", "a"),
        (CHANGED, "train", "B", "test", "b"),
        (PART, "train", "C", "test", "c"),
    ]
    assert found.leaks
    assert found.leaked() == {"a", "b", "c"}
    assert found.leaked("train") == {"A", "B", "C"}
    assert next(found.sentences()) == (
        "3 recordings of test are in train too: 1 the same samples, 1 re-encoded, resampled or gained, 1 cut, or "
        "inside a longer one (first: a is A); scores there flatter the model"
    )
    assert found.summary().startswith("3 recordings of the test split are in train or validation too")
    assert Certificate.from_dict(found.to_dict()) == found
    assert families(splits) == (("A", "a"), ("B", "b"), ("C", "c"))


def test_one_search_serves_the_certificate_and_the_families(clips):
    splits = {
        "test": side(clips[:4], *"abcd"),
        "train": side([clips[0], clips[5], cut(clips[5]), inside(clips[2])], *"ABCD"),
    }
    copies = copies_of(splits)
    assert certify(splits, copies) == certify(splits)
    assert families(splits, copies) == families(splits) == (("A", "a"), ("B", "C"), ("D", "c"))


def test_a_certificate_knows_the_samples_that_it_compared():
    def sides(*digests):
        return {"train": Side("A", ["0"], [np.zeros(0, np.uint32)]),
                "test": Side("ab"[: len(digests)], digests, [np.zeros(0, np.uint32)] * len(digests))}  # fmt: skip

    known = certify(sides("1", "2"))
    assert certify(sides("2", "1")).split_of(known.digests, "test") == "test"
    assert certify(sides("1")).split_of(known.digests, "test") is None
    assert certify(sides("0")).split_of(known.digests, "test") == "train"


def test_folds_are_certified_as_one():
    def fold(train, test, groups):
        empty = np.zeros(0, np.uint32)
        return certify({name: Side(keys, list(digests), [empty] * len(keys), own) for (name, keys, digests), own in
                        zip((("train", *train), ("test", *test)), groups, strict=True)})  # fmt: skip

    found = Certificate.of_folds([
        fold(("ab", "12"), ("cd", "13"), (["x", "x"], ["y", "y"])),
        fold(("cd", "13"), ("ab", "12"), (["y", "y"], ["x", "x"])),
    ])  # fmt: skip
    assert found.leaked() == {"a", "c"}
    assert found.clips == {"train": 4, "test": 4}
    assert "4 clips of 2 folds compared" in found.summary()
    assert Certificate.from_dict(found.to_dict()) == found


def test_a_certificate_without_leaks_says_what_was_compared(clips):
    found = certify({"train": side(clips[:3], *"ABC"), "test": side(clips[4:6], *"ab")})
    assert not found.leaks
    assert list(found.sentences()) == []
    assert found.summary().startswith(
        "No recording of the test split, nor a re-encoded, gained or cut copy of one, was found in train or validation "
        "(2 × 3 clips compared; "
    )


def test_speakers_under_two_spellings_leak_unless_speakers_are_shared_anyway():
    def splits(train, test):
        empty = np.zeros(0, np.uint32)
        return {name: Side(names, [""] * len(names), [empty] * len(names), names)
                for name, names in (("train", train), ("test", test))}  # fmt: skip

    found = certify(splits(["speaker_01", "Müller"], ["Speaker 1", "Mueller", "eve"]))
    assert found.leaks
    assert found.leaked_groups() == {"Speaker 1", "Mueller"}
    assert list(found.sentences()) == [
        "'Müller' in train and 'Mueller' in test, 'speaker_01' in train and 'Speaker 1' in test look like the same "
        "speaker under two spellings; if they are, scores there flatter the model"
    ]
    assert not certify(splits(["speaker_01", "eve"], ["Speaker 1", "eve"])).leaks


def test_texts_read_on_two_sides_are_counted_and_are_no_leak():
    empty = [np.zeros(0, np.uint32)] * 2
    splits = {
        "train": Side("AB", ["", ""], empty, transcripts=["Please hold.", "good bye"]),
        "test": Side("ab", ["", ""], empty, transcripts=["please hold", "call back"]),
    }
    found = certify(splits)
    assert found.transcripts == {"test in train": 1}
    assert not found.leaks


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("speaker_01", "speaker 1"),
        ("SPK-007", "spk7"),
        ("Müller", "Mueller"),
        ("Müller", "Muller"),
        ("Straße", "strasse"),
        ("an\u200bna", "Anna"),
        ("José", "Jose\u0301"),
        ("１２", "12"),
    ],
)
def test_spellings_of_one_name_look_alike(one, other):
    assert look_alike([one], [other]) == [(one, other)]
    assert look_alike([other], [one]) == [(other, one)]


@pytest.mark.parametrize(
    ("one", "other"), [("1", "10"), ("1_2", "12"), ("anna", "hanna"), ("Mueller", "Muller"), ("a", "a")]
)
def test_other_names_do_not(one, other):
    assert look_alike([one], [other]) == []


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=20))
def test_every_name_has_a_form(name):
    assert spellings(name)
    assert spellings(name) & spellings(name.upper().casefold()) or not name.isalnum()
