"""Settings: frozen dataclasses that check themselves by type and range, and go to JSON and back."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from audio_ft import extensions
from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings import rules
from audio_ft.settings.rules import Refused, Rule, shown
from audio_ft.settings.secrets import secret_in

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Settings:
    """Hold settings that were checked when they were made; a subclass is a frozen dataclass whose fields they are.

    The annotation of a field is its type, with a rule added where a type is not enough. A wrong value
    gives the same sentence from the constructor, `--set` and JSON files: "Fade.seconds: expected a number above 0 and
    at most 60 s, got 'x'".

    Attributes:
        prefix: what messages put before a setting's name ("data" in "data.limit"); None takes the class name.
        shorthand: the setting whose value alone is accepted where these settings are expected.

    Raises:
        InputError: a setting of another type or outside its range, or a token or password in one.

    Example:
        @dataclass(frozen=True)
        class Fade(Settings):
            seconds: Annotated[float, number(0, 60, above=True, unit="s")] = 0.5
            shape: Literal["linear", "cosine"] = "linear"
    """

    prefix: ClassVar[str | None] = None
    shorthand: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = self.read(field.name, getattr(self, field.name))
            if secret := secret_in(self.place(field.name), value):
                raise InputError(
                    f"{secret}: this looks like a token, or an address with a password or signature, and settings are "
                    "written to files and published; leave it out, and take it from the environment."
                )
            object.__setattr__(self, field.name, value)
        self.check()

    def check(self) -> None:
        """Raise `InputError` for settings that do not go together; override it for more than types and ranges."""

    def require(self, holds: bool, setting: str, expected: str) -> None:
        """Raise an `InputError` with the setting, what was expected and what was received, unless `holds`."""
        if not holds:
            raise InputError(f"{self.place(setting)}: expected {expected}, got {shown(getattr(self, setting))}")

    @classmethod
    def called(cls) -> str:
        """Return what messages call these settings."""
        return cls.prefix or cls.__name__

    @classmethod
    def place(cls, setting: str) -> str:
        """Return what messages call one setting."""
        return setting if cls.prefix == "" else f"{cls.called()}.{setting}"

    @classmethod
    @functools.cache
    def _rules(cls) -> dict[str, Rule]:
        hints = get_type_hints(cls, include_extras=True)
        return {field.name: rule_for(hints[field.name]) for field in fields(cls)}

    @classmethod
    def read(cls, setting: str, value: Any) -> Any:
        """Return a value for one setting in its plain Python type, or raise `InputError`."""
        return cls._rules()[setting].apply(cls.place(setting), value)

    def replace(self, **changes: Any) -> Self:
        """Return the same settings with some of them changed."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {field.name: rules.as_json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def saved(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings read from a file as the installed class takes them; override to look at a version."""
        return settings

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the settings that `to_dict` described; those left out take their defaults.

        Raises:
            InputError: an unknown setting, with the closest known one, or one that is missing or does not fit.
        """
        if not isinstance(plain, Mapping):
            raise InputError(f"{cls.called()}: expected a table of settings by name, got {shown(plain)}")
        settings = cls.saved(dict(plain))
        known = {field.name: field.default is MISSING and field.default_factory is MISSING for field in fields(cls)}
        for name in settings:
            if name not in known:
                hint = did_you_mean(name, known, list_all=True)
                raise InputError(f"{cls.called()} has no setting {shown(name)}.{hint}")
        for name, required in known.items():
            if required and name not in settings:
                raise InputError(f"{cls.called()} needs the setting {name!r}, and it is missing.")
        return cls(**settings)

    @classmethod
    def accept(cls, value: Any) -> Self:
        """Return settings given as themselves, as a table, or as the value of their `shorthand`."""
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping) or not cls.shorthand:
            return cls.from_dict(value)
        return cls(**{cls.shorthand: value})


@dataclass(frozen=True)
class NamedSettings(Settings):
    """Settings of a kind that has many classes, each chosen by its name: {"step": "Trim", "top_db": 30}.

    A kind has a key in JSON and a group of entry points: `class Step(NamedSettings, key="step", group="steps")`. Its
    subclasses are known by their names once their module is imported, except those with `register=False`; those that an
    installed package adds to the group are imported when they are named.
    """

    _key: ClassVar[str]
    _group: ClassVar[str]
    _registry: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, *, key: str = "", group: str = "", register: bool = True, **kwargs: Any) -> None:
        """Open a kind, or register a class of one; only the package's own names cannot be taken by others."""
        super().__init_subclass__(**kwargs)
        if key:
            cls._key, cls._group, cls._registry = key, group, {}
        elif register:
            holder = cls._registry.get(cls.__name__)
            # Another class of that name would be used for every saved file.
            if holder and holder.__module__.startswith("audio_ft.") and holder.__module__ != cls.__module__:
                raise InputError(
                    f"a {cls._key} named {cls.__name__!r} ships with audio_ft: "
                    f"give the one in {cls.__module__} another name"
                )
            cls._registry[cls.__name__] = cls

    @classmethod
    def registered(cls) -> dict[str, type[Self]]:
        """Return every class of the kind whose module has been imported, by name."""
        return dict(cls._registry)

    def to_dict(self) -> dict[str, Any]:
        """Return the name and all settings as JSON values."""
        return {self._key: type(self).__name__} | super().to_dict()

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the settings that `to_dict` described, of the class that is named."""
        if not isinstance(plain, Mapping) or not isinstance(plain.get(cls._key), str):
            made = f"; write {plain.__name__}()" if isinstance(plain, type) and issubclass(plain, cls) else ""
            raise InputError(f'{cls._key}: expected {{"{cls._key}": name, …}}, got {shown(plain)}{made}')
        settings = dict(plain)
        name = settings.pop(cls._key)
        found: type[Self] | None = cls._registry.get(name) or extensions.load(cls._group, name)
        if found is None:
            hint = did_you_mean(name, [*cls._registry, *extensions.names(cls._group)], list_all=True)
            raise InputError(
                f"unknown {cls._key} {shown(name)}.{hint} Or install the package that adds it, or import the file that "
                "defines it (--code FILE.py)."
            )
        return super(NamedSettings, found).from_dict(settings)

    @classmethod
    def list_of(cls, value: Any, *, names: bool = False) -> tuple[Self, ...]:
        """Return a list of settings, each given as itself or as `to_dict` describes it, or raise `Refused`.

        With `names`, text is accepted too: names separated by commas, each with its defaults.
        """
        if names and isinstance(value, str):
            value = [{cls._key: name.strip()} for name in value.split(",") if name.strip()]
        if not isinstance(value, list | tuple):
            raise Refused
        return tuple(item if isinstance(item, cls) else cls.from_dict(item) for item in value)


def rule_for(hint: Any) -> Rule:
    """Return the rule of an annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, *notes = arguments
        rule = next((note for note in notes if isinstance(note, Rule)), None)
        if rule is None:
            return rule_for(inner)
        return rules.optional(rule) if types.NoneType in get_args(inner) else rule
    if origin in (Union, types.UnionType):
        kinds = [rule_for(argument) for argument in arguments if argument is not types.NoneType]
        rule = kinds[0] if len(kinds) == 1 else rules.either(*kinds)
        return rules.optional(rule) if types.NoneType in arguments else rule
    if origin is Literal:
        return rules.choice(*arguments)
    if origin is tuple and arguments[1:] == (...,):
        return rules.each(rule_for(arguments[0]))
    if isinstance(hint, type) and issubclass(hint, Settings):
        return Rule(f"settings of {hint.called()}", hint.accept)
    return {bool: rules.flag(), int: rules.whole(), float: rules.number(), str: rules.text()}.get(
        hint, rules.json_value()
    )
