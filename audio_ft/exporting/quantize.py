"""Exported networks in 8 bits: weights alone, or activations too, whose ranges are calibrated on recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The kinds that can be asked for. int8: weights in 8 bits, activations as they come; int8-static: activations too.
KINDS = ("int8", "int8-static")
# Seven bits for the weights: on x86 processors without VNNI, products of eight overflow (onnxruntime's documentation).
_SHARED: dict[str, Any] = {"per_channel": True, "reduce_range": True}
# Products of two activations stay in float32: attention loses most, and they are a small part of the time.
_OPTIONS = {"MatMulConstBOnly": True}


def write_int8(file: Path, target: Path) -> None:
    """Write a network whose matrix products have weights of 8 bits; ranges of activations are found at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from audio_ft.exporting.graph import front_nodes, quiet_exporter

    with quiet_exporter():
        quantize_dynamic(
            file, target, op_types_to_quantize=["MatMul", "Gemm", "Gather"], weight_type=QuantType.QInt8,
            nodes_to_exclude=front_nodes(file), extra_options=_OPTIONS, **_SHARED,
        )  # fmt: skip


def write_int8_static(file: Path, target: Path, waves: Sequence[NDArray[np.float32]]) -> None:
    """Write a network whose convolutions and matrix products compute in 8 bits.

    The ranges of activations are those of clean recordings, `waves` (time,).
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    from audio_ft.exporting.graph import front_nodes, quiet_exporter

    with quiet_exporter():
        quantize_static(
            file, target, _Reader(waves), quant_format=QuantFormat.QDQ, calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"], activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, nodes_to_exclude=front_nodes(file), extra_options=_OPTIONS, **_SHARED,
        )  # fmt: skip


class _Reader:
    """Hand recordings to onnxruntime's calibration, one at a time."""

    def __init__(self, waves: Sequence[NDArray[np.float32]]) -> None:
        self._rows: Iterator[dict[str, NDArray[np.float32]]] = ({"samples": wave[None]} for wave in waves)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next input, None after the last."""
        return next(self._rows, None)

    def __iter__(self) -> Iterator[dict[str, NDArray[np.float32]]]:
        return self._rows
