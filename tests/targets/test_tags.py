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


def test_a_transcript_of_nothing_but_tags_is_excluded_once_they_are_dropped():
    assert fault("<SIL>", Text(tags="drop")) == BARE
    assert fault("<SIL>", Text()) is None


def test_tags_are_counted_with_an_example():
    texts = ["YES <PERIOD>", "NO <PERIOD>", "<SIL>", "MAYBE"]
    (warning,) = transcript_warnings({"train": (texts, ["a", "b", "c", "d"])})
    assert warning.startswith(
        "3 of 4 transcripts have marks that are not speech: <PERIOD> x 2, <SIL> x 1 (first: a, 'YES <PERIOD>'); text."
    )
