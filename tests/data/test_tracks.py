"""Label tracks: each format is read with no setting, and damaged ones are refused with file and line."""

import pytest
import soundfile

from audio_ft.audio.clip import Clip
from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

RATE = 8_000
FILES = 4
# What each track below says of a recording: parts from 0.5 to 1 and from 1.25 to 2 s.
ROWS = ((0.5, 1.0, "yes"), (1.25, 2.0, "no"))

AUDACITY = "0.500000\t1.000000\tyes\n\\\t100.000000\t200.000000\n1,250000\t2,000000\tno\n1.5\t1.5\ta moment\n"
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 3
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1
            text = "yes"
        intervals [3]:
            xmin = 1
            xmax = 1.25
            text = ""
        intervals [4]:
            xmin = 1.25
            xmax = 2
            text = "no"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
3
<exists>
2
"IntervalTier"
"words"
0
3
3
0.5
1
"yes"
1
1.25
""
1.25
2
"no"
"TextTier"
"clicks"
0
3
1
1.5
"click"
"""
ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/x/{name}.wav"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="500"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="1000"/>
<TIME_SLOT TIME_SLOT_ID="c" TIME_VALUE="1250"/><TIME_SLOT TIME_SLOT_ID="d" TIME_VALUE="2000"/>
<TIME_SLOT TIME_SLOT_ID="e"/></TIME_ORDER>
<TIER TIER_ID="words"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="1" TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">
<ANNOTATION_VALUE>yes</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="2" TIME_SLOT_REF1="c" TIME_SLOT_REF2="d">
<ANNOTATION_VALUE>no</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="3" TIME_SLOT_REF1="d" TIME_SLOT_REF2="e">
<ANNOTATION_VALUE>without a time</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>
"""
SRT = "1\n00:00:00,500 --> 00:00:01,000\n<i>yes</i>\n\n2\n00:00:01,250 --> 00:00:02,000\nno\n"
VTT = """WEBVTT - a title

STYLE
::cue { color: red }

first
00:00.500 --> 00:01.000 align:start
<v Ann of {name}>yes</v>

NOTE 00:00.100 --> 00:00.200 is a comment

00:00:01.250 --> 00:00:02.000
<v.loud Ben of {name}>no
"""
RTTM = ";; a comment\nSPKR-INFO {name} 1 <NA> <NA> <NA> unknown yes <NA>\n" + "".join(
    f"SPEAKER {{name}} 1 {start} {end - start} <NA> <NA> {label} <NA> <NA>\n" for start, end, label in ROWS
)
CTM = "".join(f"{{name}} 1 {start} {end - start} {label} 0.9\n" for start, end, label in ROWS)
STM = "".join(f"{{name}} 1 {{name}} {start} {end} <o,f0> {label}\n" for start, end, label in ROWS)
FORMATS = {
    "audacity": ("{name}.txt", AUDACITY, "4 Audacity label files"),
    "textgrid": ("{name}.TextGrid", LONG, "4 Praat TextGrids"),
    "textgrid-short": ("{name}.textgrid", SHORT, "4 Praat TextGrids"),
    "elan": ("{name}.eaf", ELAN, "4 ELAN files"),
    "elan-by-media": ("annotations of {name}.eaf", ELAN, "4 ELAN files"),
    "rttm": ("{name}.rttm", RTTM, "4 RTTM files"),
    "ctm": ("{name}.ctm", CTM, "4 CTM files"),
    "srt": ("{name}.srt", SRT, "4 subtitle files"),
    "srt-of-a-language": ("{name}.en.srt", SRT.replace("\n", "\r\n"), "4 subtitle files"),
    "vtt": ("{name}.vtt", VTT, "4 subtitle files"),
    "stm": ("{name}.stm", STM, "4 STM files"),
}


def recordings(folder, files=FILES, seconds=3.0, suffix=".wav"):
    """Write silent recordings and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in range(files):
        Clip.silence(seconds, RATE).write(folder / f"take{file}{suffix}")
    return [f"take{file}" for file in range(files)]


def tracked(folder, name, content, **options):
    """Write a track for each of some recordings."""
    for take in recordings(folder):
        (folder / name.format(name=take)).write_text(content.replace("{name}", take), **options)
    return folder


def rows_of(loaded):
    return sorted(
        (key, row["start"], row["end"], row["target"])
        for split in loaded.splits.values()
        for key, row in zip(split["key"], split, strict=True)
    )


def expected(prefix="", files=FILES):
    return [
        (f"{prefix}take{file}.wav#{start:.3f}-{end:.3f}", start, end, label)
        for file in range(files)
        for start, end, label in ROWS
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read_with_no_setting(tmp_path, name):
    file, content, called = FORMATS[name]
    loaded = load(Data(str(tracked(tmp_path, file, content))))
    assert rows_of(loaded) == expected()
    assert loaded.reading == f"2 classes, one a clip; parts of files: start, end in seconds, from {called}"
    assert "disjoint by recording" in loaded.rule or name in ("stm", "vtt")
    assert not any("parts of files" in note for note in loaded.warnings)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"ctm"}))
def test_the_labels_are_transcripts_where_those_are_asked_for(tmp_path, name):
    file, content, _ = FORMATS[name]
    assert rows_of(load(Data(str(tracked(tmp_path, file, content))), targets=(Transcript,))) == expected()


def test_the_words_of_a_ctm_are_joined_to_transcripts_or_are_parts(tmp_path):
    tracked(tmp_path, "{name}.ctm", CTM)
    joined = load(Data(str(tmp_path)), targets=(Transcript,), need=("train",))
    assert joined.splits["train"]["target"] == ["yes no"] * FILES
    assert any("data.tier=words makes each word a part" in note for note in joined.warnings)
    parts = load(Data(str(tmp_path), tier="words"), targets=(Transcript,), need=("train",))
    assert rows_of(parts) == expected()
    with pytest.raises(InputError, match=r"data\.tier: expected 'words' or 'recordings'"):
        load(Data(str(tmp_path), tier="phones"))


def test_one_list_names_many_recordings_and_a_single_file_is_a_path(tmp_path):
    names = recordings(tmp_path)
    (tmp_path / "all.rttm").write_text("".join(RTTM.replace("{name}", name) for name in [*names, "elsewhere"]))
    for path in (tmp_path, tmp_path / "all.rttm"):
        loaded = load(Data(str(path)))
        assert rows_of(loaded) == expected()
        assert loaded.reading.endswith("from 1 RTTM file")
        assert any("1 recording that are not there left out (first: elsewhere)" in note for note in loaded.warnings)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_praat_and_others_write_utf_16(tmp_path, encoding):
    tracked(tmp_path, "{name}.TextGrid", LONG.replace("yes", "ναί"), encoding=encoding)
    assert {row[-1] for row in rows_of(load(Data(str(tmp_path))))} == {"ναί", "no"}


def test_tracks_lie_in_a_folder_of_their_own_or_anywhere(tmp_path):
    recordings(tmp_path / "data" / "audio")
    tracked(tmp_path / "labels", "{name}.TextGrid", SHORT)
    for file in (tmp_path / "labels").glob("*.wav"):
        file.unlink()
    elsewhere = Data(str(tmp_path / "data"), tracks=str(tmp_path / "labels"))
    assert rows_of(load(elsewhere)) == expected("audio/")
    assert rows_of(load(Data(str(tmp_path)))) == expected("data/audio/")
    single = load(Data(str(tmp_path / "labels" / "take1.TextGrid"), root=str(tmp_path / "data")), need=("test",))
    assert len(rows_of(single)) == len(ROWS)
    with pytest.raises(InputError, match="the recording of this Praat TextGrid is not in"):
        load(Data(str(tmp_path / "labels" / "take1.TextGrid")))


def test_the_tier_is_said_and_chosen_by_a_setting(tmp_path):
    second = SHORT.split('"IntervalTier"')[1].split('"TextTier"')[0].replace("words", "phones").replace("yes", "j")
    tracked(tmp_path, "{name}.TextGrid", SHORT.replace('"TextTier"', f'"IntervalTier"{second}"TextTier"').replace(
        "<exists>\n2", "<exists>\n3"))  # fmt: skip
    loaded = load(Data(str(tmp_path)))
    assert rows_of(loaded) == expected()
    said = "tier 'words' is read, of words (8 labels), phones (8 labels); data.tier=NAME chooses another, '*' all"
    assert said in loaded.warnings
    assert {row[-1] for row in rows_of(load(Data(str(tmp_path), tier="phones")))} == {"j", "no"}
    everything = load(Data(str(tmp_path), tier="*", where="tier=phones"))
    assert {row[-1] for row in rows_of(everything)} == {"j", "no"}
    with pytest.raises(
        InputError, match=r"data\.tier='syllables' is in none of 4 Praat TextGrids; the tiers there are"
    ):
        load(Data(str(tmp_path), tier="syllables"))


def test_tiers_called_after_speakers_are_all_read(tmp_path):
    for number, take in enumerate(recordings(tmp_path)):
        (tmp_path / f"{take}.TextGrid").write_text(LONG.replace("words", f"speaker {number}"))
    loaded = load(Data(str(tmp_path)))
    assert rows_of(loaded) == expected()
    assert any(
        note.startswith("all tiers are read, because recordings have different ones") for note in loaded.warnings
    )


def test_annotations_that_refer_to_others_have_their_times_and_speakers(tmp_path):
    gloss = """<TIER TIER_ID="gloss@ann"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="9" ANNOTATION_REF="1">
        <ANNOTATION_VALUE>ja</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""
    tracked(tmp_path, "{name}.eaf", ELAN.replace("</ANNOTATION_DOCUMENT>", gloss))
    loaded = load(Data(str(tmp_path), tier="gloss"), targets=(Transcript,), need=("train",))
    assert rows_of(loaded) == [(f"take{file}.wav#0.500-1.000", 0.5, 1.0, "ja") for file in range(FILES)]
    assert (loaded.group, set(loaded.splits["train"]["group"])) == ("speaker", {"ann"})


def test_a_manifest_gives_the_other_columns_or_the_targets(tmp_path):
    folder = tracked(tmp_path, "{name}.TextGrid", SHORT)
    rows = [f"take{file}.wav,{'ab'[file % 2]},{'train' if file < 2 else 'test'}" for file in range(FILES)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,speaker,split", *rows]))
    loaded = load(Data(str(folder)), need=("train", "test"))
    assert (loaded.group, rows_of(loaded)) == ("speaker", expected())
    assert set(loaded.splits["test"]["key"]) == {key for key, *_ in expected()[4:]}
    (folder / "metadata.csv").write_text("\n".join(["file_name,label,split", *rows]))
    loaded = load(Data(str(folder)), need=("train", "test"))
    assert "start" not in loaded.splits["train"].column_names
    assert "4 label tracks not used (first: take0.TextGrid); data.tracks=.TextGrid reads them" in loaded.warnings
    assert rows_of(load(Data(str(folder), tracks=".TextGrid"), need=("train", "test"))) == expected()


def test_a_setting_adds_tracks_to_the_manifest_that_is_the_path(tmp_path):
    folder = tracked(tmp_path, "{name}.TextGrid", SHORT)
    (folder / "list.csv").write_text("file_name,speaker\n" + "".join(f"take{file}.wav,s{file}\n" for file in range(3)))
    loaded = load(Data(str(folder / "list.csv"), tracks=".TextGrid"))
    assert (loaded.group, rows_of(loaded)) == ("speaker", expected(files=3))


def test_tracks_can_be_left_unused(tmp_path):
    for label in ("dog", "cat"):
        tracked(tmp_path / label, "{name} of " + label + ".TextGrid", LONG)
        for file in (tmp_path / label).glob("*.wav"):
            file.rename(file.with_name(f"{file.stem} of {label}.wav"))
    assert len(rows_of(load(Data(str(tmp_path))))) == 2 * FILES * len(ROWS)
    loaded = load(Data(str(tmp_path), tracks=""))
    assert loaded.target.names == ("cat", "dog")


def test_transcripts_beside_recordings_come_before_the_tracks_of_an_aligner(tmp_path):
    tracked(tmp_path, "{name}.TextGrid", LONG)
    for file in range(FILES):
        (tmp_path / f"take{file}.lab").write_text("yes no")
    loaded = load(Data(str(tmp_path)), targets=(Transcript,), need=("train",))
    assert loaded.splits["train"]["target"] == ["yes no"] * FILES
    assert any("4 label tracks not used" in note for note in loaded.warnings)


def test_overlapping_parts_are_fine_and_late_ends_are_noted(tmp_path):
    tracked(tmp_path, "{name}.txt", "0\t2\tyes\n1\t3.5\tno\n1\t2\tyes\n")
    loaded = load(Data(str(tmp_path)), need=("train",))
    assert len(rows_of(loaded)) == 3 * FILES
    said = "4 labels cut at the end of the recording (first: take0.txt, line 2 at 3.5 s of 3.00 s)"
    assert said in loaded.warnings


def test_empty_labels_are_gaps_and_moments_are_no_parts(tmp_path):
    tracked(tmp_path, "{name}.txt", AUDACITY + "2\t2.5\t\n2\t2.6\n")
    loaded = load(Data(str(tmp_path)), need=("train",))
    assert rows_of(loaded) == expected()
    assert "4 labels without a duration left out (first: in take0.txt)" in loaded.warnings
    assert any(note.startswith("8 of 16 rows have no target") for note in loaded.warnings)


BOMB = ELAN.replace("<ANNOTATION_DOCUMENT>", '<!DOCTYPE x [<!ENTITY a "aaaaaaaa">]><ANNOTATION_DOCUMENT>')
HOSTILE = {
    "end-before-start": ("a.txt", "0\t1\tyes\n2\t1\tno\n", "a.txt, line 2: it ends at 1 s, before its start at 2 s"),
    "beyond-the-file": ("a.txt", "0\t1\tyes\n90\t91\tno\n", "a.txt, line 2: it starts at 90 s, and a.wav has 3.00 s"),
    "nan": ("a.txt", "0\t1\tyes\nnan\t1\tno\n", "a.txt, line 2: expected a time of 0 or more, got 'nan'"),
    "negative": ("a.txt", "0\t1\tyes\n-1\t1\tno\n", "a.txt, line 2: expected a time of 0 or more, got '-1'"),
    "digits": ("a.txt", "0\t1\tyes\n1\t" + "9" * 5_000 + "\tno\n", "a.txt, line 2: expected a time of 0 or more"),
    "no-tab": ("a.txt", "0\t1\tyes\n1 2 no\n", "a.txt, line 2: expected start, end and label"),
    "textgrid-cut-off": ("a.TextGrid", SHORT[:150], "a.TextGrid, line 23: expected a number, got the end of the file"),
    "textgrid-quote": ("a.TextGrid", SHORT.replace('"no"', '"no'), "a.TextGrid, line 23: expected IntervalTier or"),
    "textgrid-size": ("a.TextGrid", SHORT.replace("<exists>\n2", "<exists>\n" + "9" * 5_000), "a.TextGrid, line"),
    "textgrid-order": ("a.TextGrid", LONG.replace("= 1.25\n", "= 2.5\n"), "a.TextGrid, line 28: it ends at 2"),
    "textgrid-binary": ("a.TextGrid", "ooBinaryFile\x08TextGrid", "a.TextGrid, line 1: expected a text"),
    "elan-entity": ("a.eaf", BOMB, "a.eaf, line 2: a document type is not read"),
    "elan-nesting": ("a.eaf", "<a>" * 100_000, "a.eaf, line 1: not valid XML"),
    "elan-slot": ("a.eaf", ELAN.replace('"c"', '"z"', 1), "a.eaf, line 8: there is no time slot 'c'"),
    "elan-nan": ("a.eaf", ELAN.replace("1250", "nan"), "a.eaf, line 4: expected a time of 0 or more, got 'nan'"),
    "rttm-short": ("a.rttm", "SPEAKER a 1 0\n", "a.rttm, line 1: expected type, recording, channel"),
    "ctm-infinity": ("a.ctm", "a 1 0 inf yes\n", "a.ctm, line 1: expected a time of 0 or more, got 'inf'"),
    "srt-times": ("a.srt", SRT.replace("00:00:01,250", "00:xx:01"), "a.srt, line 6: expected 00:00:01.000 -->"),
    "srt-without-cues": ("a.srt", "hello\n", "a.srt: expected subtitles with lines such as"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_tracks_are_refused_with_file_and_line(tmp_path, name):
    file, content, words = HOSTILE[name]
    Clip.silence(3.0, RATE).write(tmp_path / "a.wav")
    (tmp_path / file).write_text(content)
    for path in (tmp_path, tmp_path / file):
        with pytest.raises(InputError) as caught:
            load(Data(str(path)), need=("train",))
        message = str(caught.value)
        assert words in message
        assert len(message) < 500
        assert "\n" not in message


@pytest.mark.parametrize("setting", ["nowhere", "table.csv"])
def test_a_setting_that_leads_to_no_track_is_refused(tmp_path, setting):
    recordings(tmp_path)
    with pytest.raises(InputError, match=r"data\.tracks"):
        load(Data(str(tmp_path), tracks=str(tmp_path / setting)))
    with pytest.raises(InputError, match=r"data\.tracks='\.eaf' gives no label track"):
        load(Data(str(tmp_path), tracks=".eaf"))


def test_only_the_part_is_read(tmp_path):
    for file in range(FILES):
        samples = [0.0] * 4_000 + [0.5] * 4_000 + [0.0] * 2_000 + [0.25] * 6_000 + [0.0] * 8_000
        soundfile.write(tmp_path / f"take{file}.wav", samples, RATE, "FLOAT")
        (tmp_path / f"take{file}.txt").write_text(AUDACITY)
    from audio_ft.audio.clip import read
    from audio_ft.cleaning.place import source_of

    for row in load(Data(str(tmp_path)), need=("train",)).splits["train"]:
        assert set(read(source_of(row)).samples[0]) == {0.5 if row["target"] == "yes" else 0.25}
