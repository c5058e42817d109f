"""Figures as SVG for pages and as PNG or SVG files."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.file_io import write_bytes
from audio_ft.formatting import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_XML = '<?xml version="1.0" encoding="utf-8"?>\n'
_IMAGE = re.compile(r'(data:image/png;base64,)([^"]+)')
_IDENTIFIER = re.compile(r'(\bid="|href="#|url\(#)([^")]+)')
# Matplotlib repeats its list of fonts for each text.
_FONTS = re.compile(r"font-family: 'DejaVu Sans'[^;\"]*|(font: [^;\"]*?)'DejaVu Sans'[^;\"]*")
_PATH = re.compile(r' d="[^"]*"')
_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def to_svg(figure: Figure, *, alt: str = "", dpi: int = 110) -> str:
    """Return a figure as an <svg> element for a page, with text as text and images as PNG.

    Identifiers contain a digest of the content and of `alt`, so that a page can hold several figures.

    Args:
        figure: a matplotlib Figure.
        alt: the text for screen readers; the figure's own name if empty.
        dpi: the resolution of images.
    """
    import matplotlib

    stream = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "audio_ft"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A browser's fonts may have glyphs that matplotlib's lack.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(stream, format="svg", dpi=dpi, metadata={"Date": None, "Creator": None})
    drawn = stream.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"\s*<metadata>.*?</metadata>|<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    drawn = _IMAGE.sub(lambda found: found[1] + _fewer_colors(found[2]), drawn)
    drawn = _FONTS.sub(lambda found: (found[1] or "font-family: ") + "'DejaVu Sans', Verdana, sans-serif", drawn)
    drawn = _PATH.sub(_rounded, drawn)
    digest = hashlib.sha256(f"{escaped(alt)}{drawn}".encode()).hexdigest()[:8]
    drawn = _IDENTIFIER.sub(rf"\g<1>f{digest}-\g<2>", drawn)
    name = html.escape(escaped(alt) or str(figure.get_label()) or "figure", quote=True)
    return drawn.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def to_png(figure: Figure, dpi: int = 144) -> bytes:
    """Return a figure as a PNG file of `dpi` dots per inch, without transparency."""
    from PIL import Image

    stream, small = io.BytesIO(), io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    with Image.open(stream) as picture:
        picture.convert("RGB").save(small, format="png", optimize=True, dpi=(dpi, dpi))
    return small.getvalue()


def write(figure: Figure, file: str | os.PathLike[str]) -> None:
    """Write a figure as .png or .svg, chosen by the suffix, atomically.

    Raises:
        InputError: the suffix is another one, or the file cannot be written.
    """
    target = Path(file)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"{target}: expected a name ending in {' or '.join(SUFFIXES)}, for a figure.")
    svg = target.suffix.lower() == ".svg"
    content = f"{_XML}{to_svg(figure)}".encode() if svg else to_png(figure)
    write_bytes(target, content, make_parents=True)


def _rounded(path: re.Match[str]) -> str:
    """Return a path with one decimal in each number; a tenth of a point is invisible."""
    return _NUMBER.sub(lambda number: f"{float(number[0]):.1f}", path[0]).replace("\n", "")


def _fewer_colors(encoded: str) -> str:
    """Return a PNG in base64 with a palette if it has at most 256 colors, as images of a color scale do."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        opaque = picture.convert("RGB")
        if picture.convert("RGBA").getextrema()[-1] != (255, 255) or opaque.getcolors(256) is None:
            return encoded
        opaque.quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode()
