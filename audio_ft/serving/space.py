"""A demo as the files of a Hugging Face Space, ready to push: program, pinned packages, model and examples."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from audio_ft.errors import InputError
from audio_ft.file_io import replacing
from audio_ft.hub.bundle import model_files
from audio_ft.redaction import hub_id
from audio_ft.run import Run

MODEL, EXAMPLES = "model", "examples"
_APP = '''\
"""A demo made by `audio-ft demo --space`."""

import audio_ft
from audio_ft.serving.demo import interface, launch

TITLE = {title!r}
FACTS = {facts!r}
EXAMPLES = {examples!r}

launch(interface(audio_ft.load({model!r}), TITLE, facts=FACTS, examples=EXAMPLES))
'''
_README = """\
---
{metadata}---

# {title}

Record or upload a recording and see what the model predicts. Made by `audio-ft demo --space`; push it with
`hf upload USER/NAME . --repo-type space`.
"""
# What git keeps beside its history, because it is large or not text.
_ATTRIBUTES = "".join(f"{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in ("*.safetensors", "*.skops", "*.wav"))


def write_space(
    folder: Path, source: Run | str, title: str, facts: dict[str, str], examples: Sequence[tuple[str, Path]] = ()
) -> None:
    """Write a Space into a new or empty folder, whole or not at all.

    It holds the model of a run, without local paths, or the name of one on the Hub (user/name or user/name@revision),
    which it then downloads. No token is in it: a private model needs one in the settings of the Space.

    Raises:
        InputError: the folder has files, or the model's folder lacks some.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and is not an empty folder; give another one for the Space.")
    contents: dict[str, Path | bytes] = {f"{EXAMPLES}/{file.name}": file for _, file in examples}
    if isinstance(source, Run):
        contents |= {f"{MODEL}/{path}": content for path, content in model_files(source).items()}
    app = {
        "title": title,
        "facts": facts,
        "examples": [(name, f"{EXAMPLES}/{file.name}") for name, file in examples],
        "model": MODEL if isinstance(source, Run) else source,
    }
    texts = {
        "app.py": _APP.format(**app),
        "requirements.txt": "".join(f"{line}\n" for line in pinned()),
        "README.md": _README.format(metadata=_metadata(source, title), title=title),
        ".gitattributes": _ATTRIBUTES,
    }
    contents |= {name: text.encode() for name, text in texts.items()}
    with replacing(folder, make_parents=True) as unfinished:
        for path, content in contents.items():
            target = unfinished / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, target)
            else:
                target.write_bytes(content)


def pinned() -> list[str]:
    """Return the packages that audio_ft needs for a demo, each with the version that is installed here.

    Raises:
        InputError: audio_ft is not installed, only its folder is on the path.
    """
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        own = f"audio-ft[demo]=={version('audio-ft')}"
        needed = [line for line in requires("audio-ft") or () if "extra ==" not in line]
    except PackageNotFoundError as error:
        raise InputError("audio-ft is not installed, so its versions are unknown; pip install it first.") from error
    names = sorted(re.split(r"[^\w.-]", line)[0] for line in needed)
    # "+cpu" says where a package was built, which no index has to have.
    return [own, *(f"{name}=={version(name).partition('+')[0]}" for name in names)]


def _metadata(source: Run | str, title: str) -> str:
    """Return what the Hub reads: how to run the Space, and where model and license come from."""
    from importlib.metadata import version

    import yaml

    model = hub_id(source.recipe.model) if isinstance(source, Run) else source.partition("@")[0]
    fields = {
        "title": title,
        "sdk": "gradio",
        "sdk_version": version("gradio"),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "app_file": "app.py",
        "license": source.recipe.license if isinstance(source, Run) else "",
        "models": [model] if model else [],
        "tags": ["audio_ft"],
    }
    return str(yaml.safe_dump({name: value for name, value in fields.items() if value}, sort_keys=False))
