"""Recognize tokens and passwords: settings are written to files and published, so they hold none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Settings that hold a secret by their name: hub_token, api_key. Counts (include_num_input_tokens_seen) are none.
_NAME = re.compile(
    r"(?:^|[_.-])(?:token|password|passwd|secret|credential|(?:api|access|private|secret)_?key)s?$", re.I
)
# Texts that are secret by their form. The first two keep what stands before the secret.
_VALUE = re.compile(
    r"""(:/+)(?:[^\s/@:]*:[^\s/@]+|[^\s/@]{16,})(?=@)                 # https://user:password@host
      | ([?&;](?i:[\w-]*(?:token|signature|password|secret|api_?key)|sig|key)=)[^\s&\#;"']+
      | \b(?:hf|api_org|gh[pousr])_[A-Za-z0-9]{20,}                    # Hugging Face, GitHub
      | \b(?:github_pat_|glpat-|xox[abpr]-)[\w-]{20,}                 # GitHub, GitLab, Slack
      | \bsk-(?:proj-|ant-)?[A-Za-z0-9]{20,}                          # OpenAI and others
      | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b                                 # AWS
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    """,
    re.VERBOSE,
)


def is_secret_name(name: str) -> bool:
    """Return whether a setting of this name holds a token or a password.

    Example:
        >>> is_secret_name("hub_token"), is_secret_name("include_num_input_tokens_seen")
        (True, False)
    """
    return bool(_NAME.search(name))


def hide(text: str) -> str:
    """Return a text with tokens, and passwords in addresses, replaced by ***.

    Example:
        >>> hide("https://ana:pass@host/a.wav?sig=1a2b and hf_AbCdEfGhIjKlMnOpQrStUvWx")
        'https://***@host/a.wav?sig=*** and ***'
    """
    return _VALUE.sub(lambda found: f"{found[1] or found[2] or ''}***", text)


def hide_all(value: Any) -> Any:
    """Return JSON-like data with `hide` applied to all text values."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {name: hide_all(inner) for name, inner in value.items()}
    return [hide_all(inner) for inner in value] if isinstance(value, list | tuple) else value


def secret_in(name: str, value: Any, *, names: bool = False) -> str | None:
    """Return the place of the first secret in a setting, such as "deepspeed.api_key", or None.

    With `names`, any text is a secret where `is_secret_name` says so of its name.
    """
    if isinstance(value, str):
        return name if _VALUE.search(value) or (names and value and is_secret_name(name)) else None
    inside: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inside = [(f"{name}.{hide(str(key))}".lstrip("."), inner) for key, inner in value.items()]
        inside += [(name, str(key)) for key in value]
    elif isinstance(value, list | tuple):
        inside = [(name, inner) for inner in value]
    return next(filter(None, (secret_in(place, inner, names=names) for place, inner in inside)), None)
