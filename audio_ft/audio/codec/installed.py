"""Which decoders are installed."""

from __future__ import annotations


def decoders() -> str:
    """Return one line with the installed decoders, their versions and the formats that cannot be read."""
    import soundfile

    first = f"audio is decoded by soundfile {soundfile.__version__} (libsndfile {soundfile.__libsndfile_version__})"
    try:
        import av
    except ImportError as error:
        return f"{first}; PyAV does not import ({error}), so m4a, aac, mp4, webm, mka and wma cannot be read"
    codecs = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{first}, and by PyAV {av.__version__} (libavcodec {codecs}) for m4a, aac, mp4, webm, mka, wma and the like"


def has_pyav() -> bool:
    """Return whether PyAV can be imported; it reads what libsndfile cannot."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True
