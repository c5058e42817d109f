"""Tiny imitations of public corpora, as their archives are unpacked: a few tones of 0.1 speaker each."""

import itertools
import json
import shutil
from functools import partial

import numpy as np
import soundfile as sf


def tone(path, seconds=0.1, rate=8000, hz=200):
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(
        path,
        0.1 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate),
        rate,
        format={".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3", ".opus": "OGG"}.get(path.suffix.lower(), "WAV"),
        **{"subtype": "OPUS"} if path.suffix == ".opus" else {},
    )


def table(path, rows, sep=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(sep.join(map(str, r)) + "\n" for r in rows))


BUILDERS = {}


def corpus(build):
    """Register a builder under its name."""
    BUILDERS[build.__name__] = build
    return build


@corpus
def speech_commands(root):
    for w in ("yes", "no", "up"):
        for speaker in range(10):
            tone(root / w / f"{speaker:08x}_nohash_0.wav")
    table(root / "validation_list.txt", [[f"{w}/{8:08x}_nohash_0.wav"] for w in ("yes", "no", "up")])
    table(root / "testing_list.txt", [[f"{w}/{9:08x}_nohash_0.wav"] for w in ("yes", "no", "up")])
    tone(root / "_background_noise_/pink_noise.wav", 1)
    (root / "_background_noise_/README.md").write_text("x")
    (root / "README.md").write_text("x")
    (root / "LICENSE").write_text("x")


@corpus
def librispeech(root):
    for split, speakers in (
        ("train-clean-100", (19, 26)),
        ("dev-clean", (84,)),
        ("test-clean", (61,)),
        ("test-other", (1688,)),
    ):
        for speaker in speakers:
            lines = []
            for number in range(3):
                tone(
                    root / f"LibriSpeech/{split}/{speaker}/{speaker + 100}/{speaker}-{speaker + 100}-{number:04d}.flac"
                )
                lines.append([f"{speaker}-{speaker + 100}-{number:04d}", "HELLO THERE " + "ABC"[number]])
            table(
                root / f"LibriSpeech/{split}/{speaker}/{speaker + 100}/{speaker}-{speaker + 100}.trans.txt", lines, " "
            )
    (root / "LibriSpeech/SPEAKERS.TXT").write_text("; comment\n19 | F | train-clean-100 | 25.19 | Kara\n")
    (root / "LibriSpeech/README.TXT").write_text("x")
    (root / "LibriSpeech/BOOKS.TXT").write_text("x")


@corpus
def librispeech_devtest(root):
    librispeech(root)
    shutil.rmtree(root / "LibriSpeech/train-clean-100")


@corpus
def libritts(root):
    for split, speakers in (("train-clean-100", (19, 26)), ("dev-clean", (84,)), ("test-clean", (61,))):
        for speaker in speakers:
            for number in range(3):
                n = f"{speaker}_{speaker + 100}_{number:06d}_{number:06d}"
                d = root / f"LibriTTS/{split}/{speaker}/{speaker + 100}"
                tone(d / f"{n}.wav")
                (d / f"{n}.normalized.txt").write_text("Hello there.")
                (d / f"{n}.original.txt").write_text("Hello there!")
            (d / f"{speaker}_{speaker + 100}.trans.tsv").write_text("x\ty\tz\n")


@corpus
def timit(root):
    for split, speakers in (("TRAIN", ("FCJF0", "MDAB0", "FDAW0")), ("TEST", ("FAKS0", "MDAB1"))):
        for speaker in speakers:
            for number in ("SA1", "SX37", "SI648"):
                d = root / f"TIMIT/{split}/DR1/{speaker}"
                tone(d / f"{number}.WAV", 0.2)
                (d / f"{number}.TXT").write_text("0 1600 She had your dark suit.\n")
                (d / f"{number}.WRD").write_text("0 800 she\n800 1600 had\n")
                (d / f"{number}.PHN").write_text("0 800 h#\n800 1600 sh\n")


@corpus
def timit_lower(root):
    timit(root / "around")
    for file in list((root / "around").rglob("*.*")):
        lower = root / str(file.relative_to(root / "around")).lower()
        lower.parent.mkdir(parents=True, exist_ok=True)
        file.rename(lower)
    shutil.rmtree(root / "around")


@corpus
def vctk(root):
    for speaker in ("p225", "p226", "p227", "p228"):
        for number in range(1, 5):
            tone(root / f"VCTK-Corpus/wav48/{speaker}/{speaker}_{number:03d}.wav")
            p = root / f"VCTK-Corpus/txt/{speaker}/{speaker}_{number:03d}.txt"
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text("Please call Stella.\n")
    (root / "VCTK-Corpus/speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Southern  England\n"
    )


@corpus
def vctk92(root):
    for speaker in ("p225", "p226", "p227", "s5"):
        for number in range(1, 5):
            for m in (1, 2):
                tone(root / f"wav48_silence_trimmed/{speaker}/{speaker}_{number:03d}_mic{m}.flac")
            p = root / f"txt/{speaker}/{speaker}_{number:03d}.txt"
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text("Please call Stella.\n")
    (root / "speaker-info.txt").write_text(
        "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np225  23  F    English    Southern  England\n"
    )
    (root / "update.txt").write_text("x\n")
    (root / "wav48_silence_trimmed/log.txt").write_text("p225 a\n")


@corpus
def ljspeech(root):
    for number in range(10):
        tone(root / f"LJSpeech-1.1/wavs/LJ001-{number:04d}.wav")
    table(
        root / "LJSpeech-1.1/metadata.csv",
        [
            [f"LJ001-{number:04d}", f"Printing number {number}, in 1455", f"Printing number {number}, in fourteen"]
            for number in range(10)
        ],
        "|",
    )
    (root / "LJSpeech-1.1/README").write_text("x")


@corpus
def common_voice(root):
    head = ["client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes", "age",
            "gender", "accents", "variant", "locale", "segment"]  # fmt: skip
    n = 0

    def rows(speakers, each):
        nonlocal n
        out = []
        for speaker in speakers:
            for _ in range(each):
                p = f"common_voice_xx_{n}.mp3"
                tone(root / "clips" / p, 0.2, 16000)
                out.append([speaker * 8, p, "z", f"Sentence {n}", "", 2, 0, "", "", "", "", "xx", ""])
                n += 1
        return out

    t, d, e, o, i = (rows(["a1", "b2"], 3), rows(["c3"], 3), rows(["d4"], 3), rows(["e5"], 2), rows(["f6"], 2))
    for name, r in (("train", t), ("dev", d), ("test", e), ("validated", t + d + e), ("other", o), ("invalidated", i)):
        table(root / f"{name}.tsv", [head, *r], "\t")
    table(root / "reported.tsv", [["sentence", "sentence_id", "locale", "reason"], ["x", "y", "xx", "grammar"]], "\t")
    table(root / "clip_durations.tsv", [["clip", "duration[ms]"], ["common_voice_xx_0.mp3", 200]], "\t")
    table(root / "validated_sentences.tsv", [["sentence_id", "sentence"], ["z", "x"]], "\t")


@corpus
def common_voice_nested(root):
    common_voice(root / "cv-corpus-17.0/xx")


@corpus
def fleurs(root):
    for split, n, first in (("train", 6, 0), ("dev", 3, 6), ("test", 3, 9)):
        rows = []
        for number in range(n):
            f = f"{first + number + 1000}.wav"
            tone(root / f"data/fr_fr/audio/{split}/{f}", 0.2)
            said = f"Bonjour le monde {first + number}"
            sex = "FEMALE" if number % 2 else "MALE"
            rows.append([first + number // 2, f, said, said.lower(), "b o n | j", 1600, sex])
        table(root / f"data/fr_fr/{split}.tsv", rows, "\t")


@corpus
def minds14(root):
    rows = [["filepath", "text_asr", "text_translated", "intent"]]
    for i in ("joint_account", "app_error", "pay_bill"):
        for number in range(5):
            f = f"en-US~{i.upper()}/{i}{number}.wav"
            tone(root / "audio" / f)
            rows.append([f, f"I want {number}", f"I want {number}", i])
    table(root / "text/en-US.csv", rows)


@corpus
def gtzan(root):
    for g in ("blues", "rock", "jazz"):
        for number in range(8):
            tone(root / f"genres_original/{g}/{g}.{number:05d}.wav")
    for n, ks in (("train", range(4)), ("valid", (4, 5)), ("test", (6,))):
        table(
            root / f"{n}_filtered.txt",
            [[f"{g}/{g}.{number:05d}.wav"] for g in ("blues", "rock", "jazz") for number in ks],
        )


@corpus
def gtzan_csv(root):
    for g in ("blues", "rock", "jazz"):
        for number in range(8):
            tone(root / f"genres_original/{g}/{g}.{number:05d}.wav")
    every = [(g, number) for g in ("blues", "rock", "jazz") for number in range(8)]
    rows = [[f"{g}.{number:05d}.wav", 661794, number * 1.5, g] for g, number in every]
    parts = [[f"{g}.{number:05d}.{j}.wav", 66149, number * 1.5, g] for g, number in every for j in range(10)]
    for name, of in (("features_30_sec", rows), ("features_3_sec", parts)):
        table(root / f"{name}.csv", [["filename", "length", "tempo", "label"], *of])


@corpus
def fsd50k(root):
    dev = [["fname", "labels", "mids", "split"]]
    ev = [["fname", "labels", "mids"]]

    def row(name, number):
        heard = "Dog,Animal" if number % 2 else ("Rain,Water", "Animal", "Dog,Water")[number % 3]
        return [name, f'"{heard}"', '"/m/0,/m/1"']

    for number in range(12):
        tone(root / f"FSD50K.dev_audio/{100 + number}.wav")
        dev.append([*row(100 + number, number), "val" if number > 8 else "train"])
    for number in range(4):
        tone(root / f"FSD50K.eval_audio/{200 + number}.wav")
        ev.append(row(200 + number, number))
    table(root / "FSD50K.ground_truth/dev.csv", dev)
    table(root / "FSD50K.ground_truth/eval.csv", ev)
    table(root / "FSD50K.ground_truth/vocabulary.csv", [[0, "Dog", "/m/0"], [1, "Rain", "/m/1"]])
    table(
        root / "FSD50K.metadata/collection/collection_dev.csv", [["fname", "labels", "mids"], *[r[:3] for r in dev[1:]]]
    )
    table(root / "FSD50K.metadata/collection/vocabulary_collection_dev.csv", [[0, "Dog"]])
    (root / "FSD50K.metadata/dev_clips_info_FSD50K.json").write_text(json.dumps({"100": {"title": "x"}}))
    (root / "FSD50K.doc").mkdir()
    (root / "FSD50K.doc/README.md").write_text("x")


@corpus
def audioset(root):
    names = [f"--AbC_{number:04d}9" for number in range(12)]
    for _number, n in enumerate(names):
        tone(root / f"audio/{n}.wav", 0.2)
    for f, ks in (
        ("balanced_train_segments", range(8)),
        ("eval_segments", range(8, 12)),
        ("unbalanced_train_segments", ()),
    ):
        p = root / f"{f}.csv"
        p.write_text(
            "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=8, num_segs=8\n"
            "# YTID, start_seconds, end_seconds, positive_labels\n"
            + "".join(
                f"""{names[number]}, 30.000, 40.000, "/m/09x0r,{("/t/dd00088" if number % 2 else "/m/05zppz")}"\n"""
                for number in ks
            )
            or ""
        )
    (root / "unbalanced_train_segments.csv").unlink()
    table(
        root / "class_labels_indices.csv",
        [
            ["index", "mid", "display_name"],
            [0, "/m/09x0r", '"Speech"'],
            [1, "/m/05zppz", '"Male speech, man speaking"'],
            [2, "/t/dd00088", '"Gargling"'],
        ],
    )


@corpus
def dcase_tau(root):
    rows = [["filename", "scene_label", "identifier", "source_label"]]
    tr = [rows[0][:2]]
    te = [["filename"]]
    ev = [rows[0][:2]]
    for sc in ("airport", "bus", "metro"):
        for c in range(6):
            f = f"audio/{sc}-lisbon-{1000 + c // 2}-{c}-a.wav"
            tone(root / f)
            rows.append([f, sc, f"lisbon-{1000 + c // 2}", "a"])
            if c < 4:
                tr.append([f, sc])
            else:
                te.append([f])
                ev.append([f, sc])
    table(root / "meta.csv", rows, "\t")
    for n, r in (("train", tr), ("test", te), ("evaluate", ev)):
        table(root / f"evaluation_setup/fold1_{n}.csv", r, "\t")


@corpus
def voxceleb(root):
    lines = []
    for speaker in range(4):
        for v in range(4):
            for c in range(3):
                tone(root / f"wav/id1000{speaker}/vid{speaker}{v}xYz/{c + 1:05d}.wav")
                lines.append([[1, 1, 2, 3][v], f"id1000{speaker}/vid{speaker}{v}xYz/{c + 1:05d}.wav"])
    table(root / "iden_split.txt", lines, " ")
    table(
        root / "veri_test.txt",
        [
            [1, "id10000/vid00xYz/00001.wav", "id10000/vid01xYz/00001.wav"],
            [0, "id10000/vid00xYz/00001.wav", "id10001/vid10xYz/00001.wav"],
        ],
        " ",
    )


@corpus
def voxceleb_around(root):
    voxceleb(root / "vox1")


@corpus
def iemocap(root):
    for se in (1, 2, 3):
        for d in (f"Ses0{se}F_impro01", f"Ses0{se}M_script01_1"):
            ev = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"]
            tr = ""
            for number in range(4):
                n = f"{d}_{'FM'[number % 2]}{number:03d}"
                tone(root / f"IEMOCAP_full_release/Session{se}/sentences/wav/{d}/{n}.wav")
                em = ("neu", "ang", "sad", "xxx")[number]
                ev.append(
                    f"[{number}.0000 - {number}.9000]\t{n}\t{em}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
                )
                tr += f"{n} [00{number}.0-00{number}.9]: Excuse me.\n"
            p = root / f"IEMOCAP_full_release/Session{se}/dialog/EmoEvaluation/{d}.txt"
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text("".join(ev))
            p = root / f"IEMOCAP_full_release/Session{se}/dialog/transcriptions/{d}.txt"
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(tr)
            tone(root / f"IEMOCAP_full_release/Session{se}/dialog/wav/{d}.wav", 0.5)


@corpus
def meld(root):
    for split, f, n in (
        ("train", "train_splits", 6),
        ("dev", "dev_splits_complete", 3),
        ("test", "output_repeated_splits_test", 3),
    ):
        head = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime"
        rows = [head.split(",")]
        for number in range(n):
            tone(root / f"{f}/dia{number // 3}_utt{number % 3}.wav")
            said = [f'"Oh, well {number}"', ("Joey", "Ross")[number % 2], ("neutral", "joy", "anger")[number % 3]]
            place = [number // 3, number % 3, 8, 21, '"00:16:16,059"', '"00:16:21,731"']
            rows.append([number + 1, *said, "neutral", *place])
        table(root / f"{split}_sent_emo.csv", rows)


@corpus
def esc50(root):
    rows = [["filename", "fold", "target", "category", "esc10", "src_file", "take"]]
    for number in range(15):
        n = f"{number % 5 + 1}-{200 + number // 2}-{'AB'[number % 2]}-{number // 5}.wav"
        tone(root / "ESC-50-master/audio" / n)
        kind = ("dog", "rain", "cat")[number // 5]
        rows.append([n, number % 5 + 1, number // 5, kind, "True", 200 + number // 2, "AB"[number % 2]])
    table(root / "ESC-50-master/meta/esc50.csv", rows)
    (root / "ESC-50-master/README.md").write_text("x")
    (root / "ESC-50-master/requirements.txt").write_text("numpy\n")


@corpus
def urbansound8k(root):
    rows = [["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"]]
    for number in range(15):
        fs = 100 + number // 2
        c = number % 3
        n = f"{fs}-{c}-0-{number % 2}.wav"
        fold = 1 + fs % 5
        tone(root / f"UrbanSound8K/audio/fold{fold}/{n}")
        rows.append([n, fs, 0.0, 4.0, 1, fold, c, ("air_conditioner", "car_horn", "children_playing")[c]])
    table(root / "UrbanSound8K/metadata/UrbanSound8K.csv", rows)
    (root / "UrbanSound8K/FREESOUNDCREDITS.txt").write_text("x\n")


@corpus
def nsynth(root):
    for split, n, first in (("train", 12, 0), ("valid", 6, 12), ("test", 6, 18)):
        ex = {}
        for number in range(first, first + n):
            fam = ("bass", "flute", "organ")[number % 3]
            i = f"{fam}_synthetic_{number:03d}-0{number:02d}-050"
            tone(root / f"nsynth-{split}/audio/{i}.wav")
            ex[i] = {"note": number, "instrument": number, "instrument_str": f"{fam}_synthetic_{number:03d}",
                     "instrument_family": number % 3, "instrument_family_str": fam, "pitch": number, "velocity": 50,
                     "sample_rate": 16000, "qualities": [0, 1], "qualities_str": ["dark"], "note_str": i}  # fmt: skip
        (root / f"nsynth-{split}/examples.json").write_text(json.dumps(ex))


@corpus
def musan(root):
    for t, subs in (
        ("music", ("fma", "jamendo")),
        ("speech", ("librivox", "us-gov")),
        ("noise", ("free-sound", "sound-bible")),
    ):
        for speaker in subs:
            for number in range(4):
                tone(root / f"musan/{t}/{speaker}/{t}-{speaker}-{number:04d}.wav")
            (root / f"musan/{t}/{speaker}/LICENSE").write_text("x")
            (root / f"musan/{t}/{speaker}/ANNOTATIONS").write_text(f"{t}-{speaker}-0000 classical Y artist composer\n")
    (root / "musan/README").write_text("x")


@corpus
def slurp(root):
    n = 0
    for split, c in (("train", 6), ("devel", 3), ("test", 3)):
        lines = []
        for number in range(c):
            recs = []
            for _h in range(2):
                f = f"audio-{1500000 + n}.flac"
                tone(root / "audio/slurp_real" / f)
                recs.append({"file": f, "wer": 0.0, "ent_wer": 0.0, "status": "correct"})
                n += 1
            intent, scenario = (("iot_off", "iot"), ("alarm_set", "alarm"), ("play", "play"))[number % 3]
            row = {"slurp_id": n, "sentence": f"turn off {number}", "sentence_annotation": "x", "intent": intent,
                   "action": "off", "tokens": [], "scenario": scenario, "recordings": recs, "entities": []}  # fmt: skip
            lines.append(json.dumps(row))
        (root / "dataset/slurp").mkdir(parents=True, exist_ok=True)
        (root / f"dataset/slurp/{split}.jsonl").write_text("\n".join(lines) + "\n")


@corpus
def esd(root):
    for speaker in ("0001", "0002", "0003"):
        lines = []
        for ei, e in enumerate(("Neutral", "Angry", "Happy")):
            for number in range(4):
                n = f"{speaker}_{ei * 350 + number + 1:06d}"
                tone(root / f"ESD/{speaker}/{e}/{n}.wav")
                lines.append([n, f"text {number} here", e])
        table(root / f"ESD/{speaker}/{speaker}.txt", lines, "\t")


# Corpora whose recordings are all that there is: the form of their names, and what its places hold.
NAMES = {
    "ravdess": ("Actor_{0:02d}/03-01-{1:02d}-01-01-01-{0:02d}.wav", range(1, 7), range(1, 9)),
    "emodb": ("wav/{0}{1}{2}a.wav", ("03", "08", "09", "10"), ("a01", "a02"), "WLF"),
    "tess": ("TESS data/{0}_{1[0]}/{0}_{2}_{1[1]}.wav", ("OAF", "YAF"),
             (("angry", "angry"), ("happy", "happy"), ("Pleasant_surprise", "ps")), ("back", "bar", "base")),
    "savee": ("AudioData/{0}/{1}{2:02d}.wav", ("DC", "JE", "JK", "KL"), ("a", "sa", "n"), (1, 2)),
    "mesd": ("{0}_{1}_A_{2}.wav", ("Anger", "Fear", "Neutral"), "FMC", ("abajo", "casa")),
    "emovo": ("EMOVO/{0}/{1}-{0}-{2}.wav", ("f1", "f2", "m1"), ("dis", "gio", "neu"), ("b1", "b2")),
    "aesdd": ("{0}/{0[0]}{2:02d} ({1}).wav", ("anger", "disgust", "fear"), (1, 2, 3), (1, 2)),
    "shemo": ("{0[0]}/{0[1]}{1:02d}{2}{3:02d}.wav", (("female", "F"), ("male", "M")), (1, 2, 3), "AHN", (1, 2)),
    "urdu": ("{0}/{1}_F{2}_{0[0]}{2}.wav", ("Angry", "Happy", "Sad"), ("SM1", "SM2", "SF1"), (1, 2)),
    "emovdb": ("{0}_{1[0]}/{1[1]}_1-28_{2:04d}.wav", ("bea", "sam", "josh"),
               (("Amused", "amused"), ("Neutral", "neutral")), (1, 2, 3)),
}  # fmt: skip


def named(root, form, *places):
    for values in itertools.product(*places):
        tone(root / form.format(*values))


for name, how in NAMES.items():
    BUILDERS[name] = partial(lambda how, root: named(root, *how), how)


@corpus
def jl(root):
    for speaker in ("female1", "female2", "male1"):
        for e in ("angry", "happy", "neutral"):
            for number in (1, 2):
                tone(root / f"Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/{speaker}_{e}_{number}a_1.wav")
                (
                    root / f"Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/{speaker}_{e}_{number}a_1.txt"
                ).write_text("Tom beats that farmer\n")


@corpus
def baved(root):
    for speaker in range(6):
        for e in (0, 1, 2):
            for w in (0, 1):
                tone(root / f"{speaker}/{speaker}-M-23-{w}-{e}-{speaker * 10 + w}.wav")


@corpus
def cremad(root):
    for speaker in (1001, 1002, 1003, 1004):
        for e in ("ANG", "HAP", "SAD"):
            for t in ("DFA", "IEO"):
                tone(root / f"AudioWAV/{speaker}_{t}_{e}_XX.wav")
    table(root / "SentenceFilenames.csv", [["Stimulus_Number", "Filename"], [1, "1001_DFA_ANG_XX"]])


@corpus
def dcase_folds(root):
    rows = [[f"audio/{scene}-{number}.wav", scene, "x"] for scene in ("airport", "bus", "metro") for number in range(5)]
    for path, *_ in rows:
        tone(root / path)
    table(root / "meta.csv", [["filename", "scene_label", "source_label"], *rows], "\t")
    for fold in range(1, 6):
        test = [row[:2] for number, row in enumerate(rows) if number % 5 == fold - 1]
        train = [row[:2] for number, row in enumerate(rows) if number % 5 != fold - 1]
        table(root / f"evaluation_setup/fold{fold}_train.csv", [["filename", "scene_label"], *train], "\t")
        table(root / f"evaluation_setup/fold{fold}_evaluate.csv", [["filename", "scene_label"], *test], "\t")
