"""Saved data sets of decoded recordings: lists of samples beside their rate become recordings again."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.cache import cache_folder
from audio_ft.data.table.columns import among
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

AUDIO = "audio"
_SAMPLES = ("audio", "array", "speech", "samples", "waveform", "wav", "signal", "raw")
_RATES = ("sampling_rate", "sample_rate", "rate", "sr", "fs")


def with_recordings(table: Dataset, place: str) -> Dataset:
    """Return a table whose samples, {array, sampling_rate} or two columns, are recordings in the column `audio`.

    Samples are written once into the cache folder, as 32-bit wav. Other tables are returned as they are.

    Raises:
        InputError: there are samples without a rate.
    """
    from datasets import Features, Value

    nested = [name for name, feature in table.features.items()
              if isinstance(feature, dict) and "array" in feature and "bytes" not in feature]  # fmt: skip
    flat = [name for name, feature in table.features.items() if among(name, _SAMPLES) and _is_list_of_numbers(feature)]
    if not nested and not flat:
        return table
    column = (nested or flat)[0]
    inside = table.features[column] if nested else table.features
    rate = next((name for name in inside if among(name, _RATES)), None)
    if rate is None:
        raise InputError(
            f"{place}: column {column!r} has samples without their rate; add a column sampling_rate (Hz), or save the "
            "recordings themselves"
        )

    def encoded(row: dict[str, Any]) -> dict[str, Any]:
        import numpy as np
        import soundfile

        own = row[column] if nested else row | {"array": row[column]}
        samples = np.asarray(own["array"], np.float32)
        content = io.BytesIO()
        # (channels, time), as librosa and torchaudio have it, becomes (time, channels).
        soundfile.write(content, samples.T if samples.ndim > 1 and samples.shape[0] < samples.shape[1] else samples,
                        int(own[rate]), format="WAV", subtype="FLOAT")  # fmt: skip
        return {AUDIO: {"bytes": content.getvalue(), "path": None}}

    used = [column] if nested else [column, rate]
    others = {name: feature for name, feature in table.features.items() if name not in used}
    features = Features({**others, AUDIO: {"bytes": Value("binary"), "path": Value("string")}})
    cache = cache_folder() / "arrays"
    cache.mkdir(parents=True, exist_ok=True)
    file = str(cache / f"{table._fingerprint}.arrow")
    return table.map(encoded, remove_columns=used, features=features, cache_file_name=file, desc="samples to wav")


def _is_list_of_numbers(feature: Any) -> bool:
    """Tell whether a column has lists of numbers, or lists of such lists."""
    inner = getattr(feature, "feature", None)
    inner = getattr(inner, "feature", None) or inner
    return str(getattr(inner, "dtype", "")).startswith(("float", "int"))
