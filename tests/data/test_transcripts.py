"""Transcripts: spellings that settle, vocabularies in a stable order, and reasons why a text cannot be learned from."""

import csv
import json
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_ft.errors import InputError
from audio_ft.targets.languages import CODES
from audio_ft.targets.mojibake import garbled
from audio_ft.targets.transcripts import (
    BARE,
    EMPTY,
    GARBLED,
    NULL,
    NUMERALS,
    Text,
    fault,
    unseen,
    vocabulary,
)

CTC = Text().resolved(case="lower", punctuation="remove")

# Everyday sentences as people write them, among them what a rough detector takes for mojibake.
GOOD = [
    "NÃO, A IRMÃ DE JOÃO", "disse a IRMû e saiu", "«IRMû", "MAÇÃ…", "Ã", "“Ã”", "café…»", "«café…\u00a0»",
    "Il dit : «\u00a0À bientôt…\u00a0»", "Œuvre d’art – l’été", "ÉCOLE, ÂGE, ÎLE", "20\u00a0°C à 5\u00a0€", "îl",
    "Ångström, Åse og Ærø", "„MENÜ“", "Größe: 5½ m²", "naïve Ñ…", "Ñ", "Ú", "¿Qué? ¡Sí!", "şey, ığdır", "ĐÃ NẴNG",
    "Рівне, Сім’я", "СІРІ", "привет, мир", "Её Дё-Севр", "日本語", "שלום עולם", "مرحبا",
]  # fmt: skip


def settings():
    """Draw any settings; None stands for what was left open."""
    return st.builds(
        Text,
        case=st.sampled_from((None, "keep", "lower", "upper")),
        punctuation=st.sampled_from((None, "keep", "remove")),
        unicode=st.sampled_from(("NFC", "NFKC", "NFD", "NFKD")),
        digits=st.sampled_from(("keep", "refuse")),
        language=st.sampled_from((None, "tr", "fr")),
    )


# Letters that change their number or form with case and normalization come up too rarely by themselves.
TRICKY = st.text(
    st.sampled_from("aeIiİıßẞΣσςΐŉǰﬁǅ'’ʼ`´·-–_. \t\n\u0307\u0301\u0323\u00ad\u200b\u200c\u200d\ufeff\x00\u2028𝒜가각")
)
ANY = st.text() | TRICKY


# Settings


@given(settings())
def test_settings_survive_json(text):
    assert Text.from_dict(json.loads(json.dumps(text.to_dict()))) == text


@pytest.mark.parametrize(
    ("said", "code"),
    [("french", "fr"), ("French ", "fr"), ("pt", "pt"), ("PT-br", "pt"), ("en_US", "en"), ("castilian", "es"),
     ("haitian creole", "ht"), ("yue", "yue"), (None, None),
     # The codes of MMS: Whisper's where it knows the language, else as they are.
     ("fra", "fr"), ("ger", "de"), ("ZHO", "zh"), ("cmn", "zh"), ("quz", "quz"), ("gle", "gle"),
     ("uzb-script_cyrillic", "uzb-script_cyrillic"), ("fra-CA", "fr")],
)  # fmt: skip
def test_a_language_goes_by_its_code(said, code):
    assert Text(language=said).language == code


def test_words_are_separated_where_the_language_separates_them():
    unspaced = {code for code in (*CODES, "quz", "cmn-script_simplified", "mya") if not Text(language=code).space}
    assert unspaced == {"zh", "ja", "th", "lo", "my", "yue", "cmn-script_simplified", "mya"}
    assert Text().space == " "


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"language": "frensh"}, "Did you mean 'french'"), ({"language": "zz9"}, "got 'zz9'"), ({"language": 3}, "got 3"),
     ({"case": "Lower"}, "Did you mean 'lower'"), ({"punctuation": "strip"}, "keep, remove"),
     ({"case": ["keep"]}, "keep"), ({"unicode": "NFG"}, "NFC"), ({"unicode": None}, "NFC"),
     ({"digits": "refused"}, "Did you mean 'refuse'"),
     ({"prompt": None}, "expected text"), ({"timestamps": "yes"}, "true or false"),
     ({"casing": "lower"}, "no setting 'casing'. Did you mean 'case'")],
)  # fmt: skip
def test_invalid_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Text.from_dict(settings)


def test_open_settings_are_resolved_by_the_task_and_others_stay():
    assert (CTC.case, CTC.punctuation) == ("lower", "remove")
    assert Text(case="upper").resolved(case="lower", punctuation="keep") == Text(case="upper", punctuation="keep")


# Spelling


@pytest.mark.parametrize(
    ("written", "learned"),
    [
        ("  Call-Forward   on\tBusy. ", "call forward on busy"),
        ("We’ll, rock 'n' roll; don't!", "we'll rock n roll don't"),
        ("L’été—déjà… (où ?)", "l'été déjà où"),
        ("«¿Qué?»", "qué"),
        ("u.s.a. 3.5%", "u s a 3 5"),
        ("snake_case", "snake case"),
        ("so\u00adft\u200b hy\ufeffphen", "soft hyphen"),
        ("a\x00b\x1fc\u2028d", "a b c d"),
        ("cafe\u0301", "café"),
        ("col·lecció i ·", "col·lecció i"),
        ("צה״ל", "צה״ל"),
        ("\u200fשלום, עולם!", "שלום עולם"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("हिन्दी।", "हिन्दी"),
        ("♪♪", ""),
        ("", ""),
    ],
)
def test_how_ctc_spells(written, learned):
    assert CTC.apply(written) == learned


@pytest.mark.parametrize(
    ("text", "written", "learned"),
    [
        (Text(), " Wait,  what? ", "Wait, what?"),
        (Text(case="upper"), "straße", "STRASSE"),
        (Text(case="lower", language="tr"), "IĞDIR İZMİR", "ığdır izmir"),
        (Text(case="upper", language="tr"), "ığdır izmir", "IĞDIR İZMİR"),
        (Text(case="lower"), "IĞDIR", "iğdir"),
        (Text(unicode="NFKC"), "ﬁn ²", "fin 2"),
        (Text(unicode="NFD"), "é", "e\u0301"),
    ],
)
def test_how_settings_spell(text, written, learned):
    assert text.apply(written) == learned


@given(settings(), ANY)
def test_a_spelling_settles(text, transcript):
    once = text.apply(transcript)
    assert text.apply(once) == once
    assert once == " ".join(once.split())
    assert unicodedata.is_normalized(text.unicode, once)
    assert not any(unicodedata.category(character) == "Cc" for character in once)


@given(settings(), ANY)
def test_punctuation_is_removed_except_inside_words(text, transcript):
    spelled = text.resolved(case="keep", punctuation="remove")
    if spelled.punctuation == "remove":
        signs = {character for character in spelled.apply(transcript) if unicodedata.category(character)[0] in "PS"}
        assert signs <= set("'·׳״")


@given(ANY)
def test_case_is_all_of_one_kind(transcript):
    lower, upper = (Text(case=case).apply(transcript) for case in ("lower", "upper"))
    assert unicodedata.normalize("NFC", lower.lower()) == lower
    assert unicodedata.normalize("NFC", upper.upper()) == upper


# Vocabulary


def test_a_vocabulary_is_in_the_order_of_code_points():
    assert vocabulary(["éa z", "b|a", "'"]) == ("'", "a", "b", "z", "é")


@given(st.lists(ANY), st.randoms())
def test_a_vocabulary_depends_on_the_characters_alone(transcripts, random):
    known = vocabulary(transcripts)
    mixed = [*transcripts, *transcripts]
    random.shuffle(mixed)
    assert vocabulary(mixed) == known == tuple(sorted(set("".join(transcripts)) - {" ", "|"}))
    assert unseen(known, transcripts) == Counter()


def test_unseen_characters_are_counted():
    assert unseen(("a", "b"), ["ab ñ", "ñ|ç a"]) == {"ñ": 2, "ç": 1}


# What cannot be learned from


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [(None, NULL), ("", EMPTY), (" \t\n\u00a0", EMPTY), ("\u200b\ufeff", EMPTY), ("\x00", EMPTY), ("...", BARE),
     ("?!", BARE), ("—", BARE), ("♪ ♪", BARE), ("👍", BARE), ("'", BARE), ("\u0301", BARE),
     ("cafÃ©", GARBLED), ("caf\ufffd", GARBLED),
     ("a", None), ("日", None), ("7", None), ("x" * 2000, None), ("nan", None), ("null", None)],
)  # fmt: skip
@pytest.mark.parametrize("text", [Text(), CTC])
def test_faults(text, transcript, reason):
    assert fault(transcript, text) == reason


@pytest.mark.parametrize("transcript", ["room 101", "½ litre", "Ludwig Ⅱ", "x²", "٣ كتب"])
def test_digits_are_a_fault_where_they_are_refused(transcript):
    assert fault(transcript, Text()) is None
    assert fault(transcript, Text(digits="refuse")) == NUMERALS


def test_written_numbers_are_no_digits():
    assert fault("one hundred, 一百", Text(digits="refuse")) is None


@given(settings(), ANY)
def test_a_transcript_without_fault_leaves_something_to_learn(text, transcript):
    if fault(transcript, text) is None:
        assert vocabulary([text.resolved(case="keep", punctuation="remove").apply(transcript)])


# Mojibake


ALPHABETS = [
    "äöüÄÖÜß", "àâæçéèêëîïôœùûüÀÂÇÉÈÊ", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ", "áčďéěíňóřšťúůýžČĎĚŘŠŽ", "áéíóöőúüűÁÉÍÓÖŐ",
    "çğıöşüÇĞİÖŞÜ", "åäöæøÅÄÖÆØ", "абвгдёжзийклмнопрстуфхцчшщъыьэюя",
]  # fmt: skip


@pytest.mark.parametrize("letters", ALPHABETS)
def test_no_two_letters_of_an_alphabet_are_mojibake(letters):
    assert [a + b for a in letters for b in letters if garbled(f"x{a}{b}x")] == []


@pytest.mark.parametrize("sentence", GOOD)
def test_what_people_write_is_not_mojibake(sentence):
    assert garbled(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    ["garçon", "déjà vu", "été", "voilà", "ÉCOLE", "l’eau", "“so”", "wait…", "5 €", "Größe", "naïve", "Åse", "¿Qué?",
     "maçã", "NÃO", "łódź", "şey", "привет", "γεια σου", "日本語", "שלום", "مرحبا", "é", "20 °C", "Đà Nẵng",
     "\ufeffbom"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "mac_roman", "cp437"])
def test_utf_8_read_as_something_else_is_mojibake(sentence, encoding):
    content = f"le mot {sentence} ici".encode()
    try:
        misread = content.decode(encoding)
    except UnicodeDecodeError:
        misread = content.decode("latin-1")  # cp1252 and cp1250 leave five bytes undefined
    assert garbled(misread) is not None


def test_russian_read_as_cp1251_is_mojibake():
    assert garbled("привет".encode().decode("cp1251")) is not None


def test_a_lost_no_break_space_still_shows():
    assert garbled("voilÃ le chat") == "Ã"


@pytest.mark.real
def test_no_real_transcript_is_called_garbled(shared):
    for split in ("train", "validation", "test"):
        with (shared / "data" / "prompts_asr" / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            said = [row["transcription"] for row in csv.DictReader(file)]
        assert said
        assert [text for text in said if garbled(text)] == []
        misread = [text.encode().decode("latin-1") for text in said if not text.isascii()]
        assert misread
        assert [text for text in misread if not garbled(text)] == []


def test_the_codes_are_whispers():
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    assert frozenset(LANGUAGES) == CODES
