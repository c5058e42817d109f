"""Load a network, and refuse weights that are missing, of another shape, not finite, or not only weights.

What transformers initializes because a checkpoint lacks it answers at random; only a new head is expected to be so.
The shapes in the files are compared with those of the network before memory is taken for either.
"""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.models.base import Adapter
from audio_ft.models.checkpoint import first_line, lora_folder, weights_folder
from audio_ft.models.load import from_pretrained
from audio_ft.models.lora import merge_lora

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Shapes = dict[str, tuple[int, ...]]

# Only training uses it, and checkpoints that were trained without masking lack it.
OPTIONAL = ("masked_spec_embed",)
# A new head may be larger than the rest of a small checkpoint, but not than this many weights (200 MB).
NEW_WEIGHTS = 50_000_000
# The names of weight normalization in checkpoints saved by older versions of torch.
OLD_NAMES = {".weight_g": ".parametrizations.weight.original0", ".weight_v": ".parametrizations.weight.original1"}
SHOWN = 3


def load_network(
    kind: str,
    checkpoint: str | Path,
    adapter: Adapter,
    revision: str | None = None,
    *,
    new_head: bool = False,
    new: tuple[str, ...] = (),
    **settings: Any,
) -> PreTrainedModel:
    """Load a network in float32 with `from_pretrained` of the class `kind`; `settings` are its arguments.

    With `new_head`, what is above the pretrained part may be missing or of another shape, and other heads are left out.
    Tensors whose names contain one of `new` may be missing in any case.

    Raises:
        InputError: weights are missing, unknown, of another shape or not finite, or the files are damaged.
    """
    import torch

    if checkpoint in adapter.names:
        raise InputError(f"{checkpoint} has no weights before it is trained; give the folder of a run.")
    if adapter.fitted_at_once:
        if new_head:
            raise InputError(f"{checkpoint} cannot be trained further; give model={adapter.name} to fit a new one.")
        return adapter.load_estimator(Path(checkpoint))  # type: ignore[no-any-return]
    folder = weights_folder(checkpoint, revision)
    shapes = tensor_shapes(folder)

    def expected(name: str, inner: str) -> bool:
        return name.endswith(OPTIONAL) or any(part in name for part in new) or (new_head and not _inside(name, inner))

    _check_sizes(kind, folder, adapter, shapes, expected, settings)
    model, info = from_pretrained(kind, folder, dtype=torch.float32, output_loading_info=True, **settings)
    inner = inner_name(model, adapter)
    mismatched = [(name, tuple(got), tuple(wanted)) for name, got, wanted in info["mismatched_keys"]]
    refuse_shapes(checkpoint, [one for one in mismatched if not expected(one[0], inner)])
    refuse(checkpoint, "missing from its weights", (name for name in info["missing_keys"] if not expected(name, inner)))
    parts = {name.partition(".")[0] for name, _ in adapter.pretrained(model).named_children()}
    foreign = (name for name in info["unexpected_keys"] if not new_head or _own(name, model, inner) in parts)
    refuse(checkpoint, "in its weights and not in the network that config.json describes", foreign)
    made = {*info["missing_keys"], *(name for name, _, _ in mismatched)}
    refuse_not_finite(checkpoint, ((name, weight) for name, weight in model.state_dict().items() if name not in made))
    lora = lora_folder(checkpoint, revision)
    return merge_lora(model, lora) if lora else model  # type: ignore[no-any-return]


def new_network(kind: str, adapter: Adapter, settings: Mapping[str, Any]) -> PreTrainedModel:
    """Return a network of the class `kind` with random weights, its configuration changed by `settings`."""
    import transformers

    config = copy.deepcopy(adapter.config)
    config.update(dict(settings))
    return getattr(transformers, kind).from_config(config, trust_remote_code=False)  # type: ignore[no-any-return]


def refuse(checkpoint: str | Path, what: str, names: Iterable[str]) -> None:
    """Raise `InputError` if there are any tensors of which something is wrong."""
    if found := sorted(names):
        raise InputError(f"{checkpoint}: {_named(found)} {what}; save or download it again, or give another one.")


def refuse_shapes(checkpoint: str | Path, mismatched: Iterable[tuple[str, tuple[int, ...], tuple[int, ...]]]) -> None:
    """Raise `InputError` if there are tensors (name, shape in the file, shape in the network) that do not fit."""
    described = sorted(f"{name} (expected {wanted}, got {got})" for name, got, wanted in mismatched)
    refuse(checkpoint, "of another shape than config.json says", described)


def refuse_not_finite(checkpoint: str | Path, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Raise `InputError` if weights hold NaN or infinity."""
    broken = (name for name, weight in weights if weight.is_floating_point() and not weight.isfinite().all())
    refuse(checkpoint, "not finite (NaN or infinity)", broken)


def _named(names: list[str]) -> str:
    rest = len(names) - SHOWN
    listed = ", ".join(names[:SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")
    return f"{len(names):,} tensor{'s are' if len(names) > 1 else ' is'} [{listed}]"


def inner_name(model: PreTrainedModel, adapter: Adapter) -> str:
    """Return the name of the pretrained part inside a network, "" if it is the network itself."""
    inner = adapter.pretrained(model)
    return next(name for name, module in model.named_modules() if module is inner)


def _inside(name: str, inner: str) -> bool:
    return not inner or name.startswith(f"{inner}.")


def _own(name: str, model: PreTrainedModel, inner: str) -> str:
    """Return the module of the pretrained part that a tensor of a checkpoint would belong to."""
    for prefix in (f"{inner}.", f"{model.base_model_prefix}.{inner}.", f"{model.base_model_prefix}."):
        if prefix != "." and name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return name.partition(".")[0]


def _check_sizes(
    kind: str,
    folder: Path,
    adapter: Adapter,
    shapes: Shapes,
    expected: Callable[[str, str], bool],
    settings: Mapping[str, Any],
) -> None:
    """Compare the files with the network that config.json describes, which is built without memory for weights."""
    import torch
    import transformers

    known = {name: value for name, value in settings.items() if name not in ("ignore_mismatched_sizes", "target_lang")}
    config = from_pretrained("AutoConfig", folder, **known)
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            model = getattr(transformers, kind).from_config(config, trust_remote_code=False)
    except Exception as error:
        raise InputError(
            f"{folder / 'config.json'} describes no network that transformers can build ({first_line(error)}); "
            "restore it from the checkpoint it was trained from."
        ) from error
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    count, stored = (sum(map(_elements, each.values())) for each in (wanted, shapes))
    if count > 2 * stored + NEW_WEIGHTS:
        raise InputError(
            f"{folder}: config.json describes a network of {count:,} weights, and the files hold {stored:,}; restore "
            "config.json from the checkpoint it was trained from."
        )
    inner, base = inner_name(model, adapter), model.base_model_prefix
    mismatched = []
    for name, shape in shapes.items():
        for old, new in OLD_NAMES.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        found = next((one for one in (name, f"{base}.{name}", name.removeprefix(f"{base}.")) if one in wanted), "")
        if found and wanted[found] != shape and not expected(found, inner):
            mismatched.append((found, shape, wanted[found]))
    refuse_shapes(folder, mismatched)


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def tensor_shapes(folder: Path) -> Shapes:
    """Return the shape of each tensor in the weights of a folder, read without the weights themselves.

    Raises:
        InputError: a file is damaged, incomplete, or holds something else than tensors.
    """
    found: Shapes = {}
    for file in _weight_files(folder):
        try:
            found |= _safetensors(file) if file.suffix == ".safetensors" else _pickled(file)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{file}: the weights cannot be read ({_why(error)}); download or save the checkpoint again."
            ) from error
    return found


def _why(error: BaseException) -> str:
    """Return why weights cannot be read, without torch's advice to run what they contain."""
    if "weights_only" in str(error) or "Unsupported" in str(error):
        return "they are a pickle of something else than tensors, which could run code"
    return first_line(error).rstrip(".")


def _weight_files(folder: Path) -> Iterator[Path]:
    """Yield the files that hold a checkpoint's weights, as transformers chooses them."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            yield folder / name
        elif index.is_file():
            parts = read_json(index).get("weight_map")
            files = sorted(set(map(str, parts.values()))) if isinstance(parts, dict) else []
            if not files or any(Path(file).name != file or not (folder / file).is_file() for file in files):
                raise InputError(f"{index}: names weights that are not in its folder; download the checkpoint again.")
            yield from (folder / file for file in files)
        else:
            continue
        return
    raise InputError(f"{folder} has no model.safetensors, nor pytorch_model.bin; download the checkpoint again.")


def _safetensors(file: Path) -> Shapes:
    from safetensors import safe_open

    # Opening checks that the file is as long as its header says.
    with safe_open(file, framework="pt") as stream:
        return {name: tuple(stream.get_slice(name).get_shape()) for name in stream.keys()}  # noqa: SIM118


def _pickled(file: Path) -> Shapes:
    """Return the shapes in a file of torch.save, of which only tensors are unpickled, mapped and not read."""
    import torch

    zipped = zipfile.is_zipfile(file)
    if zipped:
        with zipfile.ZipFile(file) as archive:
            if sum(part.file_size for part in archive.infolist()) > file.stat().st_size:
                raise InputError(f"{file}: compressed weights are not read; save them with save_pretrained.")
    content = torch.load(file, map_location="cpu", weights_only=True, mmap=zipped or None)
    if not isinstance(content, dict) or not all(isinstance(one, torch.Tensor) for one in content.values()):
        raise InputError(f"{file}: expected a table of tensors; save the model with save_pretrained.")
    for name, tensor in content.items():
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise InputError(f"{file}: {name} says that it is larger than what is stored; download it again.")
    return {str(name): tuple(tensor.shape) for name, tensor in content.items()}
