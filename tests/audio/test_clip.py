"""Read and write recordings: all sources, all failures, and no unnecessary copying or decoding."""

import contextlib
import errno
import io
import os
import pickle
import shutil
import struct
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audio_ft.audio.clip import AUDIO_SUFFIXES, Clip, blocks, probe, read, write
from audio_ft.audio.codec.encode import encode
from audio_ft.audio.codec.installed import decoders
from audio_ft.audio.codec.libsndfile import MAX_RATE, MIN_RATE
from audio_ft.audio.codec.source import Part
from audio_ft.errors import AudioError, InputError

RATE = 16_000


def speechlike(seconds=1.0, rate=RATE, channels=1, seed=0):
    """Make samples (channels, time) in 16-bit steps that differ everywhere, so that a shift or a swap cannot hide."""
    values = np.random.default_rng(seed).integers(-20_000, 20_000, (channels, round(seconds * rate)))
    return (values / 32768).astype(np.float32)


def make(path, samples=None, rate=RATE, **kind):
    samples = speechlike(rate=rate) if samples is None else samples
    soundfile.write(path, samples.T, rate, **kind)
    return path


def make_av(path, codec, container, samples, rate, container_options=None):
    """Encode mono samples (1, time) with FFmpeg's own encoders, for the containers libsndfile does not know."""
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        stream.codec_context.bit_rate = 64_000
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        fitting = av.AudioResampler(stream.codec_context.format, "mono", rate, stream.codec_context.frame_size or 1024)
        for part in (*fitting.resample(frame), *fitting.resample(None), None):
            out.mux(stream.encode(part))
    return path


def reason(source, **part):
    with pytest.raises(AudioError) as caught:
        read(source, **part)
    return caught.value.reason


class Plain(io.RawIOBase):
    """A stream that can only be read forward, as a socket."""

    def __init__(self, data):
        self._inner = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._inner.readinto(buffer)


# --- Clip


def test_clip_copies_a_writable_array():
    mine = speechlike()
    before = mine.copy()
    clip = Clip(mine, RATE)
    mine[:] = 9
    np.testing.assert_array_equal(clip.samples, before)
    with pytest.raises(ValueError, match="read-only"):
        clip.samples[0, 0] = 1


def test_read_only_view_of_writable_memory_is_copied():
    mine = speechlike()
    view = mine[:, :100]
    view.setflags(write=False)
    clip = Clip(np.ascontiguousarray(view), RATE)
    kept = clip.samples.copy()
    mine[:] = 9
    np.testing.assert_array_equal(clip.samples, kept)


def test_read_only_samples_are_shared():
    clip = Clip(speechlike(), RATE)
    assert clip.with_note("odd").samples is clip.samples
    assert np.shares_memory(clip.with_samples(clip.samples[:, 10:20]).samples, clip.samples)


def test_unpickled_clip_is_read_only():
    clip = Clip(speechlike(channels=2), RATE, ("odd",))
    back = pickle.loads(pickle.dumps(clip))
    np.testing.assert_array_equal(back.samples, clip.samples)
    assert (back.rate, back.notes, back.samples.flags.writeable) == (RATE, ("odd",), False)


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (np.array([np.nan]), RATE, "non-finite"),
        (np.array([np.inf]), RATE, "non-finite"),
        (np.zeros((0, 5)), RATE, "channels, time"),
        (np.zeros((1, 2, 5)), RATE, "channels, time"),
        (np.zeros(5), 0, "rate"),
        (np.zeros(5), 16000.5, "whole Hz"),
        (np.zeros(5), float("nan"), "rate"),
        (np.zeros(5), float("inf"), "rate"),
    ],
)
def test_clip_rejects_invalid_samples_and_rates(samples, rate, words):
    with pytest.raises(AudioError, match=words):
        Clip(samples, rate)


def test_empty_clip_is_valid():
    assert (Clip(np.zeros((2, 0)), RATE).channels, Clip(np.zeros((2, 0)), RATE).seconds) == (2, 0.0)


def test_test_signals_have_the_requested_level_length_and_pitch():
    tone = Clip.tone(1000, 0.5, 8000, dbfs=-6.0)
    spectrum = np.abs(np.fft.rfft(tone.samples[0]))
    assert (tone.length, tone.rate, np.argmax(spectrum) / tone.seconds) == (4000, 8000, 1000)
    assert np.abs(tone.samples).max() == pytest.approx(10 ** (-6 / 20), rel=1e-6)
    noise = Clip.noise(1.0, RATE, -20.0, seed=3)
    assert np.abs(noise.samples).max() == pytest.approx(0.1, rel=1e-6)
    np.testing.assert_array_equal(noise.samples, Clip.noise(1.0, RATE, -20.0, seed=3).samples)
    assert not np.array_equal(noise.samples, Clip.noise(1.0, RATE, -20.0, seed=4).samples)
    assert Clip.noise(0.0).length == Clip.silence(0.0).length == 0
    assert not Clip.silence(0.1, 8000).samples.any()


# --- sources


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_path_bytes_and_file_objects_give_the_same_samples(tmp_path, channels):
    samples = speechlike(channels=channels)
    path = make(tmp_path / "a.wav", samples)
    data = path.read_bytes()
    moved = io.BytesIO(data)
    moved.seek(77)
    with path.open("rb") as file:
        for source in (path, str(path), data, moved, file, io.BufferedReader(Plain(data))):
            clip = read(source)
            np.testing.assert_array_equal(clip.samples, samples)
            assert (clip.rate, clip.notes, clip.samples.flags.c_contiguous) == (RATE, (), True)
        assert not file.closed


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_header_in_memory_prints_no_traceback(tmp_path):
    data = bytearray(make(tmp_path / "a.aiff", speechlike()).read_bytes())
    at = data.index(b"SSND")
    for index in range(12, at + 16):
        for bits in (0x0F, 0x55, 0xFF):
            damaged = bytearray(data)
            damaged[index] ^= bits
            with contextlib.suppress(AudioError):
                assert read(bytes(damaged)).rate


@pytest.mark.parametrize("source", [io.StringIO("RIFF"), 3, None])
def test_other_sources_are_rejected_with_the_fix(source):
    with pytest.raises(InputError, match="path, bytes or a file object"):
        read(source)


def test_content_takes_precedence_over_the_name(tmp_path):
    samples = speechlike()
    path = make(tmp_path / "a.flac", samples)
    for name in ("a.mp3", "a.wav", "a", "a.xyz"):
        np.testing.assert_array_equal(read(shutil.copy(path, tmp_path / name)).samples, samples)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty file"),
        (b"MThd\0\0\0\6", "not audio (MIDI)"),
        (b"PK\3\4" + bytes(99), "not audio (zip archive)"),
        (b"\n <!DOCTYPE html><html>", "not audio (HTML or XML page)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "not audio (PNG image)"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "not audio (Git LFS pointer)"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "damaged header"),
        (b"hello, this is a text about nothing\n" * 50, "not audio"),
        (np.random.default_rng(1).bytes(5000), "not audio"),
    ],
)
@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a"])
def test_what_is_not_audio_is_identified(tmp_path, content, expected, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert reason(path) == reason(content) == expected
    with pytest.raises(AudioError, match=suffix):
        probe(path)


def test_playlist_opens_no_other_file(tmp_path):
    make_av(tmp_path / "secret.aac", "aac", "adts", speechlike(), RATE)
    path = tmp_path / "list.wav"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{tmp_path}/secret.aac\n#EXT-X-ENDLIST\n")
    assert reason(path) == "not audio"


def test_paths_without_a_file_are_explained(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "dangling.wav").symlink_to("gone.wav")
    (tmp_path / "one.wav").symlink_to("two.wav")
    (tmp_path / "two.wav").symlink_to("one.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert reason(tmp_path / "folder.wav") == "is a folder"
    assert reason(tmp_path / "gone.wav") == "no such file"
    assert reason(tmp_path / "dangling.wav") == "link target missing"
    assert reason(tmp_path / "one.wav") == "symbolic links form a loop"
    assert reason(tmp_path / "pipe.wav") == "not a regular file (named pipe)"
    assert reason("/dev/null") == "not a regular file"
    assert reason(tmp_path / ("x" * 300)) == "file name too long"
    assert reason("a\0b.wav").startswith("no such file")


def test_permission_denied_is_reported(tmp_path, monkeypatch):
    path = make(tmp_path / "a.wav")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: let the system call raise instead

        def refuse(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("builtins.open", refuse)
    assert reason(path) == "permission denied"


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_encode_equals_a_written_file(tmp_path, suffix):
    clip = read(make(tmp_path / "a.wav"))
    write(clip, tmp_path / f"b{suffix}")
    content = read(encode(clip.samples, clip.rate, Path(f"clip{suffix}")))
    np.testing.assert_array_equal(content.samples, read(tmp_path / f"b{suffix}").samples)


def test_encode_rejects_what_a_format_cannot_hold():
    with pytest.raises(InputError, match="77777"):
        encode(Clip.tone(440, 0.1).samples, 77_777, Path("clip.mp3"))
    with pytest.raises(InputError, match="empty clip"):
        encode(np.zeros((1, 0), np.float32), 16_000, Path("clip.mp3"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_file_name_that_is_not_utf8_can_be_read_and_printed(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    shutil.copy(make(tmp_path / "a.wav"), path)
    clip = read(path)
    assert clip.length == RATE
    write(clip, path)
    np.testing.assert_array_equal(read(path).samples, clip.samples)
    Path(path).write_bytes(b"")
    with pytest.raises(AudioError) as caught:
        read(path)
    str(caught.value).encode("utf-8")


# --- headers that lie


def header(frames, *, riff=None, data=None, rate=RATE, channels=1):
    """Build a 16-bit WAV whose sizes can be forged."""
    body = (speechlike(frames / RATE)[0] * 32768).astype("<i2").tobytes()
    riff, data = 36 + len(body) if riff is None else riff, len(body) if data is None else data
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels & 0xFFFFFFFF, 2 * channels, 16)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", data) + body


def test_wav_sizes_are_compared_with_the_file():
    assert read(header(1000)).notes == ()
    assert (
        read(header(1000, riff=0xFFFFFFFF, data=0xFFFFFFFF)).notes == ()
    )  # the placeholder of a pipe: the length is unknown
    cut = read(header(1000, data=4000, riff=4036))
    assert (cut.length, cut.notes) == (
        1000,
        ("truncated: the header states 4000 bytes of audio, the file has 2000",),
    )
    crashed = read(header(1000, riff=0, data=0))
    np.testing.assert_array_equal(crashed.samples, read(header(1000)).samples)
    assert crashed.notes == ("unfinished header: it states no audio, but 2000 bytes follow",)
    assert probe(header(1000, riff=0, data=0)).frames == 1000
    empty_at_first = read(header(1000, riff=36, data=0))  # as Python's wave module begins, and a killed recorder leaves
    np.testing.assert_array_equal(empty_at_first.samples, crashed.samples)


def test_recording_without_samples_is_an_error():
    assert reason(header(0)) == "no samples"
    assert reason(header(0, riff=0, data=0)) == "no samples"
    finished = header(0, riff=36 + 12) + b"LIST\4\0\0\0INFO"
    assert reason(finished) == "no samples"
    with pytest.raises(AudioError, match="no samples"):
        probe(header(0))


@pytest.mark.parametrize("rate", [1, MIN_RATE - 1, MAX_RATE + 1, 2**31 - 1])
def test_implausible_rates_are_rejected(rate):
    assert reason(header(1000, rate=rate)).startswith(f"implausible sample rate ({rate} Hz")
    with pytest.raises(AudioError, match="implausible"):
        probe(header(1000, rate=rate))


def test_lowest_and_highest_rate_and_many_channels_are_accepted():
    assert read(header(1000, rate=MIN_RATE)).rate == MIN_RATE
    assert read(header(1000, rate=MAX_RATE)).rate == MAX_RATE
    assert reason(header(1000, channels=0)) == "0 channels"


def test_huge_stated_length_allocates_no_memory(tmp_path):
    data = bytearray(make(tmp_path / "a.flac").read_bytes())
    data[21] |= 0x0F  # STREAMINFO: 36 bits of total samples, all ones: 256 GB as float32
    data[22:26] = b"\xff" * 4
    tracemalloc.start()
    clip = read(bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert clip.length == RATE
    assert [note.split(":")[0] for note in clip.notes] == ["truncated"]
    assert peak < 64e6


def test_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    samples = speechlike(channels=2)
    data = bytearray(make(tmp_path / "a.flac", samples).read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    clip = read(bytes(data))
    np.testing.assert_array_equal(clip.samples, samples)
    assert clip.notes == ()


@pytest.mark.parametrize(("suffix", "kind"), [(".flac", {}), (".ogg", {}), (".mp3", {}), (".aiff", {}), (".au", {})])
def test_truncated_files_are_read_with_a_note(tmp_path, suffix, kind):
    path = make(tmp_path / f"a{suffix}", speechlike(20.0), **kind)
    whole = read(path)
    assert whole.notes == ()
    data = path.read_bytes()
    cut = read(data[: len(data) // 2])
    assert 0.3 < cut.length / whole.length < 0.6
    assert any(note.startswith("truncated") for note in cut.notes)
    early = cut.length // 2
    np.testing.assert_allclose(cut.samples[:, :early], whole.samples[:, :early], atol=1e-4)


def test_chained_ogg_streams_are_noted(tmp_path):
    data = make(tmp_path / "a.ogg").read_bytes()
    assert read(data).notes == ()
    twice = read(data + data)
    assert twice.length == RATE
    assert [note.split(":")[0] for note in twice.notes] == ["chained"]


# --- MP3: who knows its length


def without_xing(path, rate):
    """Encode noise of a changing bit rate with no Xing frame, as broadcast tools do."""
    samples = np.concatenate([speechlike(4.0, rate) * 0.001, speechlike(4.0, rate)], axis=1)
    make_av(path, "mp3", "mp3", samples, rate, {"write_xing": "0"})
    return samples.shape[1]


def test_mp3_without_a_length_is_read_to_the_end(tmp_path):
    path = tmp_path / "a.mp3"
    frames = without_xing(path, 22050)
    assert abs(read(path).length - frames) <= 2304
    assert probe(path).decoder == "PyAV"
    assert abs(probe(path).frames - frames) <= 2304


def test_mp3_with_a_length_keeps_its_exact_samples(tmp_path):
    path = make(tmp_path / "a.mp3", speechlike(2.0, 22050), 22050)
    info = probe(path)
    assert (info.frames, info.decoder, read(path).length) == (44100, "soundfile", 44100)
    tagged = b"ID3\4\0\0\0\0\x10\0" + bytes(2048) + path.read_bytes()
    assert (read(tagged).length, probe(tagged).decoder) == (44100, "soundfile")


def test_two_mp3s_in_one_file_are_both_read(tmp_path):
    data = make(tmp_path / "a.mp3", speechlike(2.0, 22050), 22050).read_bytes()
    assert abs(read(data + data).length - 2 * 44100) <= 2 * 2304


# --- what libsndfile does not know


@pytest.mark.parametrize(
    ("suffix", "container", "codec", "rate"),
    [
        (".m4a", "ipod", "aac", 22050),
        (".mp4", "mp4", "aac", 16000),
        (".aac", "adts", "aac", 22050),
        (".webm", "webm", "libopus", 48000),
        (".mka", "matroska", "mp3", 22050),
        (".wma", "asf", "wmav2", 44100),
    ],
)
def test_other_containers_are_read_by_pyav(tmp_path, suffix, container, codec, rate):
    tone = Clip.tone(440, 2.0, rate)
    path = make_av(tmp_path / f"a{suffix}", codec, container, tone.samples, rate)
    clip, info = read(path), probe(path)
    assert (clip.rate, clip.channels, info.decoder, info.rate, info.channels) == (rate, 1, "PyAV", rate, 1)
    assert clip.notes == ()
    assert abs(clip.length - tone.length) <= 4096
    assert abs(info.frames - clip.length) <= 4096
    middle = clip.samples[0, rate // 2 : 3 * rate // 2]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440
    assert np.abs(middle).max() == pytest.approx(np.abs(tone.samples).max(), rel=0.05)
    np.testing.assert_array_equal(read(path.read_bytes()).samples, clip.samples)


@pytest.mark.parametrize(
    ("name", "container", "codec", "rate"),
    [("a.oga", "ogg", "flac", 16_000), ("a.mp2", "mp2", "mp2", 44_100), ("a.wav", "wav", "mp3", 44_100)],
)
def test_intact_files_have_no_note(tmp_path, name, container, codec, rate):
    tone = Clip.tone(440, 2.0, rate)
    path = make_av(tmp_path / name, codec, container, tone.samples, rate)
    for clip in (read(path), read(path.read_bytes())):
        assert (clip.notes, clip.rate) == ((), rate)
        assert tone.length <= clip.length <= tone.length + 4096
    if codec == "flac":
        # Cut, the same recording is noted.
        path.write_bytes(path.read_bytes()[:-2_000])
        assert [note.partition(":")[0] for note in read(path).notes] == ["truncated"]


@pytest.mark.parametrize(
    ("suffix", "container", "codec", "mark", "offset"),
    [(".m4a", "ipod", "alac", b"mdat", 10), (".ac3", "ac3", "ac3", b"\x0b\x77", 4)],
)
def test_damaged_packet_is_skipped_with_a_note(tmp_path, suffix, container, codec, mark, offset):
    path = make_av(tmp_path / f"a{suffix}", codec, container, Clip.tone(440, 2.0, 44_100).samples, 44_100)
    data = bytearray(path.read_bytes())
    data[data.index(mark) + offset] ^= 0xFF  # FFmpeg: "not yet implemented", and a number of the codec's own
    clip = read(bytes(data))
    assert 0.9 < clip.length / read(path).length < 1
    assert clip.notes == ("damaged: 1 packets could not be decoded",)


def test_stream_that_starts_inside_a_file_is_ignored(tmp_path):
    path = make_av(tmp_path / "a.ts", "aac", "mpegts", Clip.tone(440, 2.0, 44_100).samples, 44_100)
    data = bytearray(path.read_bytes())
    packets = range(0, len(data), 188)
    last = [at for at in packets if data[at + 1] & 0x40 and data[at + 2] == 0 and data[at + 1] & 0x1F == 1][-1]
    data[last + 2] = 5  # a packet of a stream that no table has announced
    assert read(path).length - read(bytes(data)).length == 1024
    assert probe(bytes(data)).seconds == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(("layout", "channels"), [("7.1", 8), ("hexadecagonal", 16)])
def test_channels_of_videos_are_read(tmp_path, layout, channels):
    path = tmp_path / "film.m4a"
    time = np.arange(48_000) / 48_000
    tones = np.stack([0.1 * np.sin(2 * np.pi * (200 + 100 * index) * time) for index in range(channels)])
    with av.open(str(path), "w", format="ipod") as out:
        stream = out.add_stream("aac", rate=48_000, layout=layout)
        for start in range(0, 48_000, 1024):
            piece = np.ascontiguousarray(tones.T[start : start + 1024].reshape(1, -1), np.float32)
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
            frame.sample_rate, frame.pts = 48_000, start
            for planar in av.AudioResampler("fltp", layout, 48_000).resample(frame):
                out.mux(stream.encode(planar))
        out.mux(stream.encode(None))
    clip = read(path)
    assert clip.channels == channels
    peaks = np.abs(np.fft.rfft(clip.samples[:, 4096 : 4096 + 38_400], axis=1)).argmax(axis=1) * 1.25
    # FFmpeg's encoder leaves next to nothing of such a tone in the bass channel.
    assert len({200.0 + 100 * index for index in range(channels)} & set(peaks.tolist())) >= channels - 1


def test_pyav_decodes_a_lossless_codec_bit_exactly(tmp_path):
    samples = speechlike(2.0)
    path = make_av(tmp_path / "a.mka", "pcm_f32le", "matroska", samples, RATE)
    np.testing.assert_array_equal(read(path).samples, samples)
    np.testing.assert_array_equal(read(path, start=0.73, seconds=0.5).samples, samples[:, 11680:19680])


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_decoding_uses_one_thread(tmp_path):
    data = bytearray(make(tmp_path / "a.flac", speechlike(30.0)).read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)

    class Watched(io.BytesIO):
        seen = 0

        def read(self, size=-1):
            Watched.seen = max(Watched.seen, len(os.listdir("/proc/self/task")))
            return super().read(size)

    before = len(os.listdir("/proc/self/task"))
    assert read(Watched(bytes(data))).length == 30 * RATE
    assert 0 < Watched.seen <= before


def test_without_pyav_soundfile_still_reads_and_other_formats_are_explained(tmp_path, monkeypatch):
    wav, m4a = make(tmp_path / "a.wav"), make_av(tmp_path / "a.m4a", "aac", "ipod", speechlike(), RATE)
    monkeypatch.setitem(sys.modules, "av", None)
    assert read(wav).length == RATE
    assert "PyAV" in reason(m4a)
    assert "cannot be read" in decoders()


def test_decoders_are_listed_in_one_line():
    line = decoders()
    assert "\n" not in line
    assert soundfile.__libsndfile_version__ in line
    assert av.__version__ in line


# --- a part only


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff"])
@given(start=st.floats(0, 0.99), seconds=st.floats(1e-3, 3))
@settings(max_examples=25, deadline=None)
def test_part_equals_the_slice_of_the_whole(tmp_path_factory, suffix, start, seconds):
    path = tmp_path_factory.getbasetemp() / f"part{suffix}"
    samples = speechlike(channels=2)
    if not path.exists():
        make(path, samples)
    first = round(start * RATE)
    expected = samples[:, first : first + max(1, round(seconds * RATE))]
    np.testing.assert_array_equal(read(path, start=start, seconds=seconds).samples, expected)


@pytest.mark.parametrize(("suffix", "subtype"), [(".wav", "GSM610"), (".wav", "IMA_ADPCM"), (".ogg", "VORBIS")])
def test_part_of_a_compressed_file_equals_the_slice(tmp_path, suffix, subtype):
    path = make(tmp_path / f"a{suffix}", Clip.tone(300, 3.0, 8000).samples, 8000, subtype=subtype)
    whole = read(path).samples
    np.testing.assert_allclose(read(path, start=1.5, seconds=0.5).samples, whole[:, 12000:16000], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "codec", "container", "rate", "tolerance"),
    [
        ("a.mp3", "libmp3lame", "mp3", RATE, 1e-6),
        ("a.m4a", "aac", "ipod", RATE, 1e-6),
        ("a.aac", "aac", "adts", RATE, 1e-6),
        ("a.webm", "libopus", "webm", 48_000, 5e-3),
        ("a.ogg", "libopus", "ogg", 48_000, 5e-3),
    ],
)
def test_part_of_a_lossy_file_equals_the_slice_whatever_was_before(tmp_path, name, codec, container, rate, tolerance):
    times = np.arange(36 * rate) / rate
    samples = (0.3 * np.sin(2 * np.pi * (300 + 50 * np.sin(times)) * times))[None].astype(np.float32)
    path = make_av(tmp_path / name, codec, container, samples, rate)
    whole = read(path).samples
    for start in (1.2345, 31.7):
        part = read(path, start=start, stop=start + 0.4).samples
        first = round(start * rate)
        np.testing.assert_allclose(part, whole[:, first : round((start + 0.4) * rate)], atol=tolerance)


def test_parts_are_sources_of_their_own(tmp_path):
    samples = np.stack([np.linspace(-0.5, 0.5, 2 * RATE), np.linspace(0.5, -0.5, 2 * RATE)])
    path = make(tmp_path / "a.flac", samples)
    samples = read(path).samples
    part = Part(str(path), 0.5, 1.25, channel=1)
    expected = samples[1:, RATE // 2 : RATE * 5 // 4]
    np.testing.assert_array_equal(read(part).samples, expected)
    np.testing.assert_array_equal(np.concatenate([one.samples for one in blocks(part, 0.2)], axis=1), expected)
    np.testing.assert_array_equal(read(part, start=0.25, stop=9.0).samples, expected[:, RATE // 4 :])
    assert (probe(part).seconds, probe(part).channels, probe(part).frames) == (0.75, 1, RATE * 3 // 4)
    assert read(path.read_bytes(), start=0.5, stop=1.25, channel=1).length == RATE * 3 // 4
    neighbors = [read(path, start=start, stop=start + 0.1).length for start in np.arange(10) / 10 + 0.00003]
    assert sum(neighbors) == round(1.00003 * RATE) - round(0.00003 * RATE)
    assert read(path, start=1.5, stop=2.05).notes == ()
    assert read(path, start=1.5, stop=3.0).notes == ("past the end: the part ends at 3.00 s, the recording at 2.00 s",)
    assert reason(Part(str(path), channel=2)) == "no channel 2, counted from 0: it has 2"
    assert "after the end" in reason(Part(str(path), 2.5, 3.0))
    for wrong in ({"start": 1.0, "stop": 1.0}, {"channel": -1}, {"stop": 1.0, "seconds": 1.0}, {"stop": float("nan")}):
        with pytest.raises(InputError):
            read(path, **wrong)


def test_part_of_a_long_file_is_read_by_seeking(tmp_path):
    samples = speechlike(600.0)
    for path in (
        make(tmp_path / "a.flac", samples),
        make_av(tmp_path / "a.m4a", "alac", "ipod", np.repeat(samples[:, :1], 600 * RATE, axis=1), RATE),
    ):
        tracemalloc.start()
        part = read(path, start=590.0, seconds=1.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert part.length == RATE
        assert peak < 2e6
    np.testing.assert_array_equal(
        read(tmp_path / "a.flac", start=590.0, seconds=1.0).samples, samples[:, 590 * RATE : 591 * RATE]
    )


def test_seeking_in_a_lossless_m4a_lands_on_the_sample(tmp_path):
    samples = speechlike(40.0)
    path = make_av(tmp_path / "a.m4a", "alac", "ipod", samples, RATE)
    np.testing.assert_array_equal(read(path, start=35.4321, seconds=0.5).samples, samples[:, 566914:574914])
    assert read(path, start=39.5, seconds=30).length == RATE // 2
    assert "after the end" in reason(path, start=41.0)


def test_long_files_are_read_in_blocks_without_gaps(tmp_path):
    samples = speechlike(20.0, 48000, channels=6)
    np.testing.assert_array_equal(read(make(tmp_path / "a.wav", samples, 48000)).samples, samples)
    opus = make(tmp_path / "a.opus", speechlike(200.0, 24000), 24000, format="OGG", subtype="OPUS")
    np.testing.assert_array_equal(read(opus).samples[0], soundfile.read(opus, dtype="float32")[0])


def test_part_after_the_end_or_of_negative_length_is_rejected(tmp_path):
    path = make(tmp_path / "a.wav")
    assert reason(path, start=1.0) == "start at 1 s is after the end (1 s)"
    for part in ({"start": -1.0}, {"start": float("nan")}, {"seconds": 0.0}, {"seconds": float("inf")}):
        with pytest.raises(InputError, match="expected"):
            read(path, **part)


# --- what the samples themselves tell


def test_unusual_levels_are_noted_and_non_finite_samples_rejected(tmp_path):
    def first_words(values):
        path = make(tmp_path / "a.wav", np.atleast_2d(values).astype(np.float32), subtype="FLOAT")
        return [note.split(":")[0] for note in read(path).notes]

    tone = Clip.tone(440, 1.0, dbfs=0.0).samples
    assert first_words(tone) == []
    assert first_words(tone * 1.4) == []
    assert first_words(tone * 30_000) == ["outside [-1, 1]"]
    assert first_words(np.full(RATE, 0.25)) == ["silent"]
    assert first_words(np.full(RATE, 1e-40)) == ["silent"]
    assert first_words(tone * 1e-4 + 0.1) == ["very quiet"]
    assert first_words(np.vstack([tone, 0 * tone])) == []
    for bad in (np.nan, np.inf, -np.inf):
        broken = tone.copy()
        broken[0, 777] = bad
        path = make(tmp_path / "b.wav", broken, subtype="FLOAT")
        assert reason(path) == "non-finite samples (NaN or infinity)"


# --- writing


@given(
    values=hnp.arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(1, 400))),
    suffix=st.sampled_from([".wav", ".flac"]),
    rate=st.sampled_from([8000, 16000, 44100]),
)
@settings(max_examples=60, deadline=None)
def test_16_bit_samples_are_written_bit_exactly(tmp_path_factory, values, suffix, rate):
    path = tmp_path_factory.getbasetemp() / f"round{suffix}"
    clip = Clip((values / 32768).astype(np.float32), rate)
    write(clip, path)
    back = read(path)
    np.testing.assert_array_equal(back.samples, clip.samples)
    assert back.rate == rate


@given(hnp.arrays(np.float32, st.integers(1, 400), elements=st.floats(-1, 1, width=32)))
@settings(max_examples=40, deadline=None)
def test_samples_are_rounded_to_the_nearest_step(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "rounded.wav"
    write(Clip(values, RATE), path)
    back = read(path).samples[0]
    top = np.float32(32767 / 32768)
    assert np.abs(back - np.minimum(values, top)).max() <= 0.5 / 32768 + 1e-9


def test_loud_wav_becomes_float_and_loud_flac_is_rejected(tmp_path):
    loud = Clip(speechlike() * 3, RATE)
    write(loud, tmp_path / "a.wav")
    np.testing.assert_array_equal(read(tmp_path / "a.wav").samples, loud.samples)
    with pytest.raises(InputError, match=r"normalize, or write \.wav"):
        write(loud, tmp_path / "a.flac")
    assert not (tmp_path / "a.flac").exists()


@pytest.mark.parametrize("suffix", [".ogg", ".mp3", ".OGG"])
def test_lossy_formats_keep_length_pitch_and_level(tmp_path, suffix):
    tone = Clip.tone(440, 30.0, RATE)
    write(tone, tmp_path / f"a{suffix}")
    back = read(tmp_path / f"a{suffix}")
    assert (back.length, back.rate, back.notes) == (tone.length, RATE, ())
    assert np.abs(back.samples[:, 4000:-4000] - tone.samples[:, 4000:-4000]).max() < 0.02


@pytest.mark.parametrize(
    ("name", "clip", "words"),
    [
        ("a.m4a", Clip.tone(440, 0.1), "expected a name ending in .wav, .flac, .ogg, .mp3, got '.m4a'"),
        ("a", Clip.tone(440, 0.1), "no suffix"),
        ("a.wav", Clip.silence(0.0), "empty clip"),
        ("a.mp3", Clip.tone(440, 0.1, 96_000), "96000 Hz"),
        ("gone/a.wav", Clip.tone(440, 0.1), "no such folder"),
        ("folder.wav", Clip.tone(440, 0.1), "cannot be written"),
    ],
)
def test_failed_write_leaves_no_file(tmp_path, name, clip, words):
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(InputError, match=words):
        write(clip, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.wav"]


def test_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    write(Clip.tone(440, 0.1), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="no space left on the disk; free some"):
        write(Clip.tone(880, 0.1), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# --- probing


@pytest.mark.parametrize(
    ("suffix", "container"),
    [(".wav", "WAV"), (".flac", "FLAC"), (".ogg", "OGG"), (".mp3", "MP3"), (".aiff", "AIFF"), (".caf", "CAF")],
)
def test_probe_agrees_with_read(tmp_path, suffix, container):
    path = make(tmp_path / f"a{suffix}", speechlike(1.5, 22050, channels=2), 22050)
    info, clip = probe(path), read(path)
    assert (info.frames, info.rate, info.channels) == (clip.length, clip.rate, clip.channels)
    assert (info.seconds, info.format, info.decoder) == (clip.seconds, container, "soundfile")
    assert probe(path.read_bytes()) == info


def test_suffixes_are_lower_case_and_cover_what_is_written():
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in AUDIO_SUFFIXES)
    assert {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".webm"} <= AUDIO_SUFFIXES
