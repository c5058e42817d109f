"""A recording block by block: the same samples as all at once, and memory that does not follow its length."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from test_clip import Plain, header, make, make_av, speechlike, without_xing

from audio_ft.audio.clip import Clip, blocks, read
from audio_ft.errors import AudioError, InputError

RATE = 16_000


def agree(source, seconds=0.7):
    """Check that the blocks are as long as asked for and together what `read` gives; return both."""
    whole, parts = read(source), list(blocks(source, seconds))
    size = round(seconds * whole.rate)
    assert [part.length for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert 0 < parts[-1].length <= size
    assert {part.rate for part in parts} == {whole.rate}
    np.testing.assert_array_equal(np.concatenate([part.samples for part in parts], axis=1), whole.samples)
    assert all(part.notes == () for part in parts[:-1])
    assert parts[-1].notes == tuple(
        note for note in whole.notes if not note.startswith(("silent", "very quiet", "clipped"))
    )
    return whole, parts


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.wav", {}),
        ("f.wav", {"subtype": "FLOAT"}),
        ("a.flac", {}),
        ("a.ogg", {}),
        ("o.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", {}),
        ("a.aiff", {}),
        ("a.au", {}),
        ("a.caf", {}),
        ("a.w64", {}),
        ("i.wav", {"subtype": "IMA_ADPCM"}),
        ("g.wav", {"subtype": "GSM610"}),
    ],
)
def test_blocks_equal_read_with_libsndfile(tmp_path, name, kind, channels):
    if kind.get("subtype") == "GSM610" and channels > 1:
        pytest.skip("GSM 6.10 has one channel")
    path = make(tmp_path / name, speechlike(5.3, channels=channels), **kind)
    agree(path)
    agree(path.read_bytes(), 2.0)
    agree(path, 60.0)


@pytest.mark.parametrize(
    ("suffix", "container", "codec", "rate"),
    [
        (".m4a", "ipod", "aac", 22050),
        (".mp4", "mp4", "aac", 16000),
        (".aac", "adts", "aac", 22050),
        (".webm", "webm", "libopus", 48000),
        (".mka", "matroska", "mp3", 22050),
        (".mka", "matroska", "pcm_f32le", 16000),
        (".wma", "asf", "wmav2", 44100),
    ],
)
def test_blocks_equal_read_with_ffmpeg(tmp_path, suffix, container, codec, rate):
    path = make_av(tmp_path / f"a{suffix}", codec, container, speechlike(5.3, rate), rate)
    agree(path)
    agree(path.read_bytes(), 2.0)


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("begins", [0, 48_000])
def test_opus_encoder_delay_is_removed_wherever_its_time_starts(tmp_path, begins, layout):
    # As cut out of a longer stream, or recorded from a broadcast, where `begins` is not nought.
    path, rate = tmp_path / "a.opus", 48_000
    samples = speechlike(2.0, rate, channels=1 if layout == "mono" else 2)
    with av.open(str(path), "w", format="ogg") as file:
        # One mode of the codec: between two FFmpeg's decoder, which is our witness, fades otherwise than libopus.
        stream = file.add_stream("libopus", rate=rate, layout=layout, options={"application": "lowdelay"})
        for start in range(0, samples.shape[1], 960):
            packed = np.ascontiguousarray(samples[:, start : start + 960].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate, begins + start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with av.open(str(path)) as file:
        decoded = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
    for source in (path, path.read_bytes()):
        whole, _ = agree(source, 0.3)
        assert whole.notes == ()
        np.testing.assert_allclose(whole.samples, decoded, atol=1e-5)
        for start, seconds in ((0.0, 0.5), (0.25, 0.5), (1.0, None)):
            part = read(source, start=start, seconds=seconds).samples
            wanted = whole.samples[:, round(start * rate) :][:, : part.shape[1]]
            assert part.shape[1] == round((seconds or 2.0 - start) * rate)
            np.testing.assert_allclose(part, wanted, atol=1e-4)


def test_no_block_is_empty(tmp_path):
    path = make(tmp_path / "a.wav", speechlike(2.0))
    assert len(agree(path, 2.0)[1]) == 1
    assert len(agree(path, 0.5)[1]) == 4


def test_all_sources_give_the_same_blocks(tmp_path):
    path = make(tmp_path / "a.flac", speechlike(3.0, channels=2))
    data, whole = path.read_bytes(), read(path)
    with path.open("rb") as file:
        for source in (str(path), io.BytesIO(data), file, io.BufferedReader(Plain(data)), whole):
            together = np.concatenate([part.samples for part in blocks(source, 0.9)], axis=1)
            np.testing.assert_array_equal(together, whole.samples)
        assert not file.closed
    noted = list(blocks(whole.with_note("odd"), 1.0))
    assert [part.notes for part in noted] == [(), (), ("odd",)]
    (empty,) = blocks(Clip(np.zeros((2, 0)), 8000), 1.0)
    assert (empty.channels, empty.length, empty.rate) == (2, 0, 8000)


def test_mp3_without_stated_length_and_two_mp3s_in_one_file_are_read_to_the_end(tmp_path):
    without_xing(tmp_path / "a.mp3", 22050)
    agree(tmp_path / "a.mp3")
    data = make(tmp_path / "b.mp3", speechlike(2.0, 22050), 22050).read_bytes()
    whole, _ = agree(data + data)
    assert abs(whole.length - 2 * 44100) <= 2 * 2304


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".mp3", ".aiff", ".au"])
def test_truncated_file_has_its_note_in_the_last_block(tmp_path, suffix):
    data = make(tmp_path / f"a{suffix}", speechlike(20.0)).read_bytes()
    whole, parts = agree(data[: len(data) // 2], 3.0)
    assert len(parts) > 1
    assert any(note.startswith("truncated") for note in whole.notes)


def test_ffmpeg_reads_the_rest_where_libsndfile_fails(tmp_path):
    data = bytearray(make(tmp_path / "a.flac", speechlike(20.0)).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    whole, _ = agree(bytes(data), 1.0)
    assert whole.length > 19 * RATE
    assert whole.notes[0].startswith("damaged: libsndfile gives up")


def test_headers_with_length_zero_or_no_length_are_read_to_the_end(tmp_path):
    agree(header(20_000, riff=0, data=0))
    agree(header(20_000, riff=0xFFFFFFFF, data=0xFFFFFFFF))
    data = bytearray(make(tmp_path / "a.flac", speechlike(3.0, channels=2)).read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    agree(bytes(data))


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "empty file"), (b"MThd\0\0\0\6", "not audio (MIDI)"), (header(0), "no samples")]
)
def test_first_block_raises_for_what_is_not_audio(tmp_path, content, expected):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        next(blocks(path, 1.0))
    assert caught.value.reason == expected
    with pytest.raises(AudioError, match="no such file"):
        next(blocks(tmp_path / "gone.wav", 1.0))


def test_block_with_non_finite_samples_raises(tmp_path):
    samples = speechlike(3.0)
    samples[0, 2 * RATE + 7] = np.nan
    coming = blocks(make(tmp_path / "a.wav", samples, subtype="FLOAT"), 1.0)
    assert [next(coming).length, next(coming).length] == [RATE, RATE]
    with pytest.raises(AudioError, match=r"a\.wav.*non-finite"):
        next(coming)


def test_blocks_of_no_length_and_text_files_are_rejected():
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="more than 0 seconds"):
            blocks(b"RIFF", seconds)
    with pytest.raises(InputError, match="path, bytes or a file object"):
        next(blocks(io.StringIO("RIFF"), 1.0))


def test_no_file_stays_open_after_stopping_early(tmp_path):
    path = make(tmp_path / "a.wav", speechlike(3.0))
    first = blocks(path, 1.0)
    next(first)
    first.close()
    path.unlink()
    if sys.platform == "linux":
        assert not [link for link in Path("/proc/self/fd").iterdir() if "a.wav" in str(link.resolve())]


GROWTH = """
import resource, sys
from audio_ft.audio.clip import blocks
def walk(path):
    return sum(block.length for block in blocks(path, 5.0))
walk(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
walk(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts peak memory in kilobytes")
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a"])
def test_memory_does_not_grow_with_the_file(tmp_path, suffix):
    samples, paths = speechlike(60.0), []
    for minutes in (1, 15):
        path = tmp_path / f"{minutes}{suffix}"
        if suffix == ".m4a":
            make_av(path, "aac", "ipod", np.tile(samples, minutes), RATE)
        else:
            with soundfile.SoundFile(path, "w", RATE, 1) as sound:
                for _ in range(minutes * 60):
                    sound.write(samples[0, :RATE])
        paths.append(str(path))
    grown = subprocess.run([sys.executable, "-c", GROWTH, *paths], capture_output=True, text=True, check=True)
    # As float32 fifteen minutes are 58 MB; what is left is a decoder's own bookkeeping.
    assert int(grown.stdout) < 6_000
