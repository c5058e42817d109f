"""Find the files of a checkpoint, and refuse settings that are hostile or absurd before transformers reads them.

Everything here reads JSON only. No file of a checkpoint is ever run: neither its Python files nor pickles.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json

ADAPTER_CONFIG = "adapter_config.json"  # of a LoRA adapter
# Downloaded from the Hub before anything else; weights follow once the rest is known to fit.
SMALL_FILES = ("*.json", "*.txt", "*.model")
# The files that transformers reads, those whose numbers decide how large the network and its features are first.
SIZES = ("config.json", "preprocessor_config.json", "processor_config.json", "adapter_config.json")
OTHERS = ("generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
          "vocab.json", "tokenizer.json", "normalizer.json",
          "model.safetensors.index.json", "pytorch_model.bin.index.json")  # fmt: skip
WEIGHTS, PICKLED_WEIGHTS = ("model*.safetensors",), ("pytorch_model*.bin",)
# Whisper's tokenizer.json has 4 MB; Python makes 25 times as much of the worst file of this size.
LARGEST_FILE = 20_000_000
NOT_JSON = ("merges.txt",)
# Far deeper than any file of transformers, and far from Python's limit of recursion.
DEEPEST = 100
# Whatever a number of a configuration counts, there are fewer of it.
LARGEST_NUMBER = 1_000_000_000
# Numbers that decide memory and time before the weights are compared with them.
LIMITS: Mapping[str, tuple[float, float]] = {
    # The largest published encoders have 48; transformers takes seconds to build a thousand without weights.
    **dict.fromkeys(("num_hidden_layers", "encoder_layers", "decoder_layers", "num_adapter_layers"), (0, 200)),
    # transformers makes some vectors of these lengths even where it makes a network without weights.
    **dict.fromkeys(("hidden_size", "d_model", "output_hidden_size", "classifier_proj_size"), (1, 1_000_000)),
    **dict.fromkeys(("vocab_size", "num_labels", "max_source_positions", "max_target_positions"), (0, 10_000_000)),
    **dict.fromkeys(("conv_dim", "conv_stride", "conv_kernel", "hop_length", "n_fft"), (1, 100_000)),
    **dict.fromkeys(("feature_size", "num_mel_bins", "chunk_length"), (1, 10_000)),
    **dict.fromkeys(("num_attention_heads", "encoder_attention_heads", "decoder_attention_heads"), (1, 10_000)),
    **dict.fromkeys(("mask_time_length", "mask_feature_length"), (1, 10_000)),
    "num_conv_pos_embeddings": (1, 10_000),
    "stride": (1, 100),
    "sampling_rate": (1_000, 1_000_000),
    "n_samples": (1, 1_000_000_000),
}
# Ends of the names of probabilities, of which torch refuses others only when training begins.
PROBABILITIES = ("dropout", "layerdrop", "_prob")
# Of lists in the files that decide sizes; a million numbers take transformers ten seconds to refuse.
LONGEST_LIST = {"conv_dim": 100, "conv_stride": 100, "conv_kernel": 100, "architectures": 100}
LONGEST_OTHER = 20_000


def checkpoint_folder(checkpoint: str | Path, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint; of a repository on the Hub that in the cache, with its small files.

    That of a LoRA adapter is the folder of the checkpoint that it was trained on.

    Raises:
        InputError: there is no such folder, or the Hub has no such repository or cannot be reached.
    """
    return _given(*_base(checkpoint, revision))


def lora_folder(checkpoint: str | Path, revision: str | None = None) -> Path | None:
    """Return the folder of a checkpoint with its weights if it is a LoRA adapter, None otherwise."""
    folder = _given(checkpoint, revision)
    if not (folder / ADAPTER_CONFIG).is_file():
        return None
    if not Path(checkpoint).expanduser().is_dir():
        return download(str(checkpoint), revision, (*SMALL_FILES, "adapter_model.safetensors"))
    return folder


def weights_folder(checkpoint: str | Path, revision: str | None = None) -> Path:
    """Return the folder of a checkpoint with its weights, safetensors if there are any.

    Raises:
        InputError: there are no weights.
    """
    checkpoint, revision = _base(checkpoint, revision)
    folder = _given(checkpoint, revision)
    for names in (WEIGHTS, PICKLED_WEIGHTS):
        if not Path(checkpoint).expanduser().is_dir():
            folder = download(str(checkpoint), revision, (*SMALL_FILES, *names))
        if any(folder.glob(names[0])):
            return folder
    raise InputError(
        f"{checkpoint} has no weights (model.safetensors); download the whole checkpoint, or give another one."
    )


def _base(checkpoint: str | Path, revision: str | None) -> tuple[str | Path, str | None]:
    """Return a checkpoint, or that on which a LoRA adapter was trained, with its revision."""
    file = _given(checkpoint, revision) / ADAPTER_CONFIG
    if not file.is_file():
        return checkpoint, revision
    plain = read_json(file)
    base, of_base = plain.get("base_model_name_or_path"), plain.get("revision")
    if not isinstance(base, str) or not base or not isinstance(of_base, str | None):
        raise InputError(f"{file}: base_model_name_or_path names no checkpoint; name the one it was trained on.")
    if (_given(base, of_base) / ADAPTER_CONFIG).is_file():
        raise InputError(f"{file}: its base {base} is an adapter, too; name a whole checkpoint.")
    return base, of_base


def _given(checkpoint: str | Path, revision: str | None) -> Path:
    """Return the folder of a checkpoint or a LoRA adapter itself."""
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        if not any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
            inner = folder / "model"
            hint = f" Did you mean {inner}?" if (inner / "config.json").is_file() else ""
            raise InputError(f"{checkpoint} holds no config.json, so it is not a transformers checkpoint.{hint}")
        return folder
    if folder.is_absolute() or str(checkpoint).startswith(("./", "../", "~")):
        raise InputError(f"There is no checkpoint folder {checkpoint}; give a folder with config.json or a Hub id.")
    return download(str(checkpoint), revision, SMALL_FILES)


def download(repository: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    """Download what the cache lacks of a repository's files with these names, and return its folder in the cache.

    Raises:
        InputError: the Hub has no such repository or cannot be reached, and the cache has no copy.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(patterns)))
        if not any((folder / name).is_file() for name in ("config.json", ADAPTER_CONFIG)):
            raise FileNotFoundError("it has no config.json")
        return folder
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise InputError(
            f"The configuration of {repository!r} cannot be loaded ({first_line(error)}); give a checkpoint folder "
            "with config.json, or a Hub id with the network up (or the checkpoint already in the local Hub cache)."
        ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, no longer than a line of the screen needs."""
    line = next(iter(str(error).strip().splitlines()), "").strip() or type(error).__name__
    return line if len(line) <= 200 else f"{line[:200]}…"


def check_settings(folder: Path) -> None:
    """Check the JSON files of a checkpoint before another library reads them.

    Raises:
        InputError: a file is too large, not valid, nested too deep, names code to run, or holds a number that no
            network has.
    """
    for name in (*SIZES, *OTHERS, *NOT_JSON):
        file = folder / name
        if not file.is_file():
            continue
        about = file.stat()
        if about.st_size > LARGEST_FILE:
            raise InputError(
                f"{file}: {about.st_size:,} bytes are too many for a file of settings; download the checkpoint again."
            )
        if name not in NOT_JSON:
            _check_file(str(file), about.st_size, about.st_mtime_ns, name in SIZES)


@functools.lru_cache(maxsize=64)
def _check_file(name: str, size: int, changed: int, sized: bool) -> None:
    """Check one file; `changed` makes a file that was written again another one."""
    file = Path(name)
    content = read_json(file)
    if file.name == "config.json" and not isinstance(content.get("model_type"), str):
        raise InputError(f"{file}: expected the name of an architecture as model_type; this is not a checkpoint.")
    names = content.get("architectures")
    if file.name == "config.json" and names is not None and not _is_names(names):
        raise InputError(f"{file}: expected a list of names as architectures, got {str(names)[:100]}; correct it.")
    for key, value in _walk(content, file, LONGEST_OTHER if sized else size):
        if "attn_implementation" in key and isinstance(value, str) and "/" in value:
            raise InputError(
                f"{file}: {key} names code of another repository, {value[:100]!r}, and audio_ft runs no code that a "
                "checkpoint names; remove that line."
            )
        if sized:
            _check_number(file, key, value)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _walk(content: Any, file: Path, longest: int) -> Iterator[tuple[str, Any]]:
    """Yield each key of nested JSON with its value, the items of a list under the key of the list."""
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    while waiting:
        key, value, depth = waiting.pop()
        if depth > DEEPEST:
            raise InputError(f"{file}: nested more than {DEEPEST} deep; download the checkpoint again.")
        yield key, value
        if isinstance(value, dict):
            waiting += [(name, inner, depth + 1) for name, inner in value.items()]
        elif isinstance(value, list):
            most = LONGEST_LIST.get(key, longest)
            if len(value) > most:
                raise InputError(f"{file}: {key} has {len(value):,} entries, and {most:,} are the most.")
            waiting += [(key, inner, depth + 1) for inner in value]


def _check_number(file: Path, key: str, value: Any) -> None:
    """Check one value of a file that decides sizes."""
    usual = (0, 1) if key.endswith(PROBABILITIES) else (-LARGEST_NUMBER, LARGEST_NUMBER)
    low, high = LIMITS.get(key, usual)
    if (key in LIMITS or key.endswith(PROBABILITIES)) and isinstance(value, str | bool):
        raise InputError(f"{file}: {key}: expected a number, got {str(value)[:100]!r}; correct it.")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    # NaN fits no range, and thousands of digits are neither made a float nor printed.
    if not low <= value <= high:
        got = f"{value:,}" if abs(value) < 1e15 else "far more"
        raise InputError(f"{file}: {key}: expected a number from {low:,} to {high:,}, got {got}; correct it.")
