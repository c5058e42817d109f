"""Saved data sets of decoded recordings: lists of samples beside their rate become recordings again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.cache import cache_folder
from audio_ft.data.table.columns import among, find
from audio_ft.errors import InputError
from audio_ft.parallel import bars_of_datasets

if TYPE_CHECKING:
    from datasets import Dataset

_SAMPLES = ("audio", "array", "speech", "samples", "waveform", "wav", "signal", "raw")
_RATES = ("sampling_rate", "sample_rate", "rate", "sr", "fs")


def with_recordings(table: Dataset, place: str, chosen: str | None) -> Dataset:
    """Return a table whose samples, {array, sampling_rate} or two columns, are recordings in the column they were in.

    Samples are written once into the cache folder, as 32-bit wav; a row without them has an empty recording. Other
    tables, and those of which another column is `chosen`, are returned as they are.

    Raises:
        InputError: there are samples without a rate, samples that are none, or several columns of samples.
    """
    from datasets import Features, Value

    nested = [name for name, feature in table.features.items()
              if isinstance(feature, dict) and "array" in feature and "bytes" not in feature]  # fmt: skip
    flat = [name for name, feature in table.features.items() if among(name, _SAMPLES) and _is_list_of_numbers(feature)]
    found = [name for name in (*nested, *flat) if chosen in (None, name)]
    if not found:
        return table
    column = found[0] if len(found) == 1 else find(found, (tuple(found),), "the recording", "audio", place)
    inside = table.features[column] if column in nested else table.features
    rate = next((name for name in inside if among(name, _RATES)), None)
    if rate is None:
        raise InputError(
            f"{place}: column {column!r} has samples without their rate; add a column sampling_rate (Hz), or save the "
            "recordings themselves"
        )

    def encoded(row: dict[str, Any], number: int) -> dict[str, Any]:
        own = row[column] or {"array": None} if column in nested else row | {"array": row[column]}
        if own["array"] is None:
            return {column: {"bytes": None, "path": None}}
        try:
            return {column: {"bytes": _wav(own["array"], own[rate]), "path": None}}
        except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: libsndfile refuses the rate
            raise InputError(
                f"{place}, row {number}: column {column!r} is not samples at a rate of {own[rate]!r} Hz "
                f"({getattr(error, 'error_string', error)}); correct or remove the row"
            ) from error

    used = [column] if column in nested else [column, rate]
    others = {name: feature for name, feature in table.features.items() if name not in used}
    features = Features({**others, column: {"bytes": Value("binary"), "path": Value("string")}})
    cache = cache_folder() / "arrays"
    cache.mkdir(parents=True, exist_ok=True)
    file = str(cache / f"{table._fingerprint}-{column}.arrow")
    with bars_of_datasets():
        return table.map(encoded, with_indices=True, remove_columns=used, features=features, cache_file_name=file,
                         desc="samples to wav")  # fmt: skip


def _wav(array: Sequence[Any], rate: float) -> bytes:
    """Return samples as the content of a 32-bit wav file.

    (channels, time), as librosa and torchaudio have it, becomes (time, channels).
    """
    import numpy as np
    import soundfile

    samples, content = np.asarray(array, np.float32), io.BytesIO()
    wide = samples.ndim > 1 and samples.shape[0] < samples.shape[1]
    soundfile.write(content, samples.T if wide else samples, int(rate), format="WAV", subtype="FLOAT")
    return content.getvalue()


def _is_list_of_numbers(feature: Any) -> bool:
    """Tell whether a column has lists of numbers, or lists of such lists."""
    inner = getattr(feature, "feature", None)
    inner = getattr(inner, "feature", None) or inner
    return str(getattr(inner, "dtype", "")).startswith(("float", "int"))
