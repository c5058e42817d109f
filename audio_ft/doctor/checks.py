"""The checks of single recordings: what each finds, above which threshold, how severe it is and how to fix it.

The thresholds were chosen on emotion_de with planted faults, and `benchmarks/doctor.py` shows what they find there and
in other data. Ranges in the comments are those of its untouched recordings, and of the planted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from audio_ft.audio.channels import CANCELLED_DB
from audio_ft.data.findings import Finding
from audio_ft.data.probe import Probed
from audio_ft.doctor.measure import Measured
from audio_ft.formatting import counted

# Untouched -32 to -11 LUFS; attenuated to a peak of -50 dBFS at most -63.
NEAR_SILENT_LUFS = -55.0
# Untouched up to 0.0062 of full scale; planted from 0.05.
DC_OFFSET = 0.02
# Untouched -70 to -32.5 dB; with white noise at an SNR of 15 dB from -19.3.
HISS_DB = -20.5
# A clip of a word may have no pause between its consonants: of 1,292 of 0.2 to 0.5 s in digits 6 have up to -16.2 dB.
# Below this duration in seconds only noise at an SNR of about 12 dB is called hiss.
HISS_SECONDS, LOUD_HISS_DB = 0.5, -15.0
# Untouched 0 to 13.9 dB and four of one speaker from 16.7 to 20.5; hum 10 dB below the speech from 18.6, hum 20 dB
# below it from 6.9, half of it above 33.
HUM_DB = 14.0
# Untouched 0.945 of half the rate; 8 kHz saved with 16 kHz 0.46 to 0.49, mp3 of 24 kbit/s 0.71 to 0.73.
BANDWIDTH_SHARE = 0.8
# Untouched up to 0.48. With more, there is more to learn about the room than about the label.
MOSTLY_SILENT = 0.8
# A microphone that picks up the other side of a table is 20 dB softer, a broken cable at least 50.
DEAD_DB = -40.0
# The noise of 8 bits is 50 dB below full scale; untouched emotion_de has 16.
COARSE_BITS = 8
# Twice full scale: lossy codecs overshoot it by some tenths only.
OUTSIDE_DBFS = 6.0
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)


@dataclass(frozen=True)
class Check:
    """Hold what one check finds: `found` judges a recording, and `words` follow "3 recordings".

    `unjudged` says whether it is too short to be judged.
    """

    name: str
    severity: str
    words: str
    fix: str
    found: Callable[[Probed, Measured], bool]
    unjudged: Callable[[Measured], bool] = lambda one: False


def _noted(note: str) -> Callable[[Probed, Measured], bool]:
    return lambda header, one: any(each.startswith(f"{note}:") for each in one.notes)


CHECKS = (
    Check("silent", "error", "without any sound", "exclude them; look for a dead input of the recorder",
          lambda header, one: one.silent),
    Check("near-silent", "warning", f"softer than {NEAR_SILENT_LUFS:g} LUFS, near the noise of any recorder",
          "listen whether anything is said; if not, exclude them",
          lambda header, one: not one.silent and _is_soft(one)),
    Check("mostly silent", "warning", f"with pauses for {MOSTLY_SILENT:.0%} of the time or more",
          "cut them to what is said; the step Trim removes only the ends",
          lambda header, one: not _is_soft(one) and one.silence >= MOSTLY_SILENT),
    Check("clipped", "warning", "with peaks cut off", "record at a lower level; no step brings the peaks back",
          lambda header, one: one.clipped > 0),
    Check("coarse", "warning", f"with {COARSE_BITS} bits or fewer", "use the originals, if they have more",
          lambda header, one: one.bits <= COARSE_BITS),
    Check("outside full scale", "warning", "with samples far outside [-1, 1]: they have another unit",
          "divide by the full scale of the format (32768 for 16 bits) and save again",
          lambda header, one: one.peak is not None and one.peak > OUTSIDE_DBFS),
    Check("DC offset", "warning", f"with a DC offset of {DC_OFFSET:.0%} of full scale or more",
          "the default chain removes it; another one needs the step HighPass",
          lambda header, one: not one.silent and one.dc >= DC_OFFSET),
    Check("hiss", "warning", "with steady hiss under what is said",
          "record closer to the microphone; see whether the step Denoise helps the score",
          lambda header, one: _hisses(one) and not _is_in_doubt(one), lambda one: _hisses(one) and _is_in_doubt(one)),
    Check("hum", "warning", "with mains hum (50 or 60 Hz and multiples)",
          "check cables and grounding; the step HighPass removes the lowest part",
          lambda header, one: one.hum is not None and one.hum > HUM_DB, lambda one: one.hum is None and not one.silent),
    Check("up-sampled", "warning", f"empty above {BANDWIDTH_SHARE:.0%} of the range or less: recorded with a lower "
          "rate", "use the originals; if classes differ in it, add the step LowPass for all of them",
          lambda header, one: one.bandwidth is not None and one.bandwidth < BANDWIDTH_SHARE * header.rate / 2),
    Check("anti-phase", "warning", "with channels that cancel each other",
          "swap the wires of one channel; the step Mono keeps the loudest channel",
          lambda header, one: one.cancelled is not None and one.cancelled < CANCELLED_DB and not _one_sided(one)),
    Check("dead channel", "warning", f"with a dead channel, {-DEAD_DB:g} dB or more below the loudest",
          "choose the channel that has sound with data.channel=N",
          lambda header, one: _one_sided(one)),
    Check("mono as stereo", "info", "in stereo with equal channels", "nothing; one channel takes half the space",
          lambda header, one: one.same),
    Check("truncated", "warning", "shorter than the header says", "copy or download them again", _noted("truncated")),
    Check("damaged", "warning", "with parts that cannot be decoded", "copy or convert them again", _noted("damaged")),
    Check("unfinished header", "info", "with a header that the recorder did not finish",
          "nothing; all samples are read", _noted("unfinished header")),
    Check("chained", "info", "made of several in one file", "see whether all of it belongs to one row",
          _noted("chained")),
    Check("several tracks", "info", "with several tracks, of which the first is read",
          "save the right track as a file of its own", _noted("several tracks")),
    Check("past the end", "warning", "with a part that ends after the recording", "correct the times of these rows",
          _noted("past the end")),
    Check("unusual rate", "warning", "with a rate that no recorder uses: the header may be wrong",
          "listen whether voices are too high or too low, and write the right rate into the header",
          lambda header, one: header.rate not in RATES and header.rate % 1_000 != 0),
)  # fmt: skip


def _is_soft(one: Measured) -> bool:
    return one.loudness is None or one.loudness < NEAR_SILENT_LUFS


def _hisses(one: Measured) -> bool:
    """Return whether there is hiss, other than the noise of few bits, which "coarse" names."""
    return one.hiss is not None and one.hiss > HISS_DB and one.bits > COARSE_BITS


def _is_in_doubt(one: Measured) -> bool:
    """Return whether a clip is so short that its hiss may be a consonant."""
    return one.seconds < HISS_SECONDS and one.hiss is not None and one.hiss < LOUD_HISS_DB


def _one_sided(one: Measured) -> bool:
    return one.dead is not None and one.dead < DEAD_DB


def of_samples(headers: Sequence[Probed], measured: Sequence[Measured | None]) -> Iterator[Finding]:
    """Yield a finding for each check that finds any of the recordings; those without measurements could not be read."""
    pairs = [(header, one) for header, one in zip(headers, measured, strict=True) if one is not None]
    for check in CHECKS:
        keys = tuple(header.key for header, one in pairs if check.found(header, one))
        if keys:
            yield Finding(
                check.name, check.severity, f"{counted(len(keys), 'recording')} {check.words}", check.fix, keys
            )
    unjudged = {check.name: sum(check.unjudged(one) for _, one in pairs) for check in CHECKS}
    listed = [f"{counted(count, 'recording')} for {name}" for name, count in unjudged.items() if count]
    if listed:
        yield Finding("too short to judge", "info", f"too short to judge: {', '.join(listed)}")
