"""Tags: marks that are not speech are counted, dropped or mapped, and words inside them stay."""

import pytest

from audio_ft.targets.transcripts import BARE, Text, fault, transcript_warnings


@pytest.mark.parametrize(
    ("written", "dropped", "mapped"),
    [
        ("AT THE TONE <COMMA> NOW <PERIOD>", "AT THE TONE NOW", "AT THE TONE, NOW."),
        ("WHO <QUESTIONMARK> ME <EXCLAMATIONPOINT>", "WHO ME", "WHO? ME!"),
        ("[laughter] yes [vocalized-noise] no", "yes no", "yes no"),
        ("[laughter-so] it is (( )) ((i think)) {laugh}", "so it is i think", "so it is i think"),
        ("<|0.00|> hello there<|1.20|><|endoftext|>", "hello there", "hello there"),
        ("{NOISE} <SIL> <unk> </s>", "", ""),
        ("((<SIL> so)) [[noise]]", "so [ ]", "so [ ]"),
        ("a < b and c > d, 3 [2]", "a < b and c > d, 3 [2]", "a < b and c > d, 3 [2]"),
    ],
)
def test_tags_are_dropped_or_mapped(written, dropped, mapped):
    assert Text(tags="drop").apply(written) == dropped
    assert Text(tags="map").apply(written) == mapped
    assert Text(tags="map").apply(mapped) == mapped
    assert Text().apply(written) == " ".join(written.split())


PRESETS = {
    "gigaspeech": [
        ("AS LONG AS <COMMA> YOU KNOW <PERIOD>", "AS LONG AS, YOU KNOW."),
        ("so <questionmark> yes <exclamationpoint>", "so? yes!"),
        ("<SIL>", ""),
        ("<MUSIC> <NOISE> <OTHER>", ""),
    ],
    "switchboard": [
        ("[laughter-yes] [noise] [vocalized-noise] no [silence]", "yes no"),
        ("-[an]y ab[solute]- ammu[n]it- -[40]1k", "-y ab- ammu-it- -1k"),
        ("[laughter-wh[at]-] [lem[guini]-/linguini] ex[specially]-/especially]", "wh- lem- ex-"),
        ("[splored/explored] {yuppiedom} about_1 them_1 [it'n/isn't]", "splored yuppiedom about them it'n"),
        ("<b_aside> come here <e_aside> (%hesitation) okay", "come here okay"),
        ("[LAUGHTER-I] [LAUGHTER]", "I"),
    ],
    "callhome": [
        ("%um &Mary and &Fontana %hm {laugh} [distortion]", "um Mary and Fontana hm"),
        ("@NATO ~FBI ^Homer +probably *schlump", "NATO FBI Homer probably schlump"),
        ("**schlump** +probly+ //come here// #no# &Bush's", "schlump probly come here no Bush's"),
        ("<Spanish hasta luego> <? (( ))> ((i think)) [[sings]]", "hasta luego i think"),
        ("[static/] hello [/static] week- -- okay -end", "hello week- okay -end"),
        ("AT&T is 5% up, a * b", "AT&T is 5% up, a * b"),
    ],
    "tedlium": [
        ("it 's what i didn 't read(2) {SMACK} o 'clock", "it's what i didn't read o'clock"),
        ("we 're <unk> y 'all [NOISE] the 'sixties", "we're y'all the 'sixties"),
        ("ignore_time_segment_in_scoring", ""),
    ],
}


@pytest.mark.parametrize(
    ("preset", "written", "spelled"), [(name, *pair) for name, pairs in PRESETS.items() for pair in pairs]
)
def test_presets_read_what_a_corpus_writes(preset, written, spelled):
    text = Text(tags=preset)
    assert text.apply(written) == spelled
    assert text.apply(spelled) == spelled


@pytest.mark.parametrize("preset", PRESETS)
def test_the_warning_names_the_preset_that_fits(preset):
    rows = [written for written, _ in PRESETS[preset]]
    (warning,) = transcript_warnings({"train": (rows, rows)})
    assert warning.endswith(f"(these look like {preset})")


def test_a_transcript_of_nothing_but_tags_is_excluded_once_they_are_dropped():
    assert fault("<SIL>", Text(tags="drop")) == BARE
    assert fault("<SIL>", Text()) is None


def test_tags_are_counted_with_an_example():
    texts = ["YES <PERIOD>", "NO <PERIOD>", "<SIL>", "MAYBE"]
    (warning,) = transcript_warnings({"train": (texts, ["a", "b", "c", "d"])})
    assert warning.startswith(
        "3 of 4 transcripts have marks that are not speech: <PERIOD> x 2, <SIL> x 1 (first: a, 'YES <PERIOD>'); text."
    )
