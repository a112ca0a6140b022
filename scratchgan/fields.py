"""
Settings classes: frozen dataclasses whose fields declare their allowed values.

One line declares a setting: ``k: int = setting(Whole(1), 1, help="updates of D for each update of
G")``. Its check, its form in JSON and TOML, its documentation and its option on the command line
follow from this line.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

from scratchgan import checks
from scratchgan.errors import unknown

__all__ = [
    "Checked",
    "Flag",
    "Kind",
    "Number",
    "OneOf",
    "Part",
    "Parts",
    "Seed",
    "Setting",
    "Text",
    "Whole",
    "fill_docstring",
    "setting",
    "settings_in",
    "signature_with",
]

MOST = 10**12  # largest count: more iterations than any run makes, and exact in float64
NONE = "none"  # the word for None on the command line


# -- kinds of values -------------------------------------------------------------------------------


class Kind:
    """The allowed values of a setting. None is also allowed if it is the default."""

    metavar: str = "TEXT"
    parse: Callable[[str], Any] = str  # from the text of the command line

    def check(self, owner: str, name: str, value: Any) -> Any:
        """
        Return the value, converted to a plain type.

        Raises
        ------
        ValueError
            With the setting's name, its value and what is expected.
        """
        raise NotImplementedError

    def to_plain(self, name: str, value: Any) -> Any:
        """Return a checked value in a form that JSON and TOML can hold."""
        return value

    def from_plain(self, name: str, value: Any, now: Any = None) -> Any:
        """Return the value for a result of ``to_plain``; a table changes only parts of ``now``."""
        return value

    def word(self, name: str, value: Any) -> str:
        """Return the word of the command line that ``parse`` turns into the value."""
        return str(value)


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number, low ≤ value ≤ high."""

    low: int
    high: int = MOST
    metavar = "N"
    parse = int

    def check(self, owner: str, name: str, value: Any) -> int:
        return checks.whole(owner, name, value, self.low, self.high)


@dataclass(frozen=True)
class Number(Kind):
    """A number, low ≤ value ≤ high; ``above`` excludes low, ``below`` excludes high."""

    low: float
    high: float
    above: bool = False
    below: bool = False
    metavar = "X"
    parse = float

    def check(self, owner: str, name: str, value: Any) -> Any:
        return checks.number(
            owner, name, value, self.low, self.high, above=self.above, below=self.below
        )


class Flag(Kind):
    """True or False."""

    def check(self, owner: str, name: str, value: Any) -> bool:
        return checks.flag(owner, name, value)


class Text(Kind):
    """A string."""

    metavar = "NAME"

    def check(self, owner: str, name: str, value: Any) -> str:
        return checks.text(owner, name, value)


class Seed(Kind):
    """A seed, 0 ≤ value < 2⁶⁴."""

    metavar = "N"
    parse = int

    def check(self, owner: str, name: str, value: Any) -> int:
        return checks.seed(owner, name, value)


@dataclass(frozen=True)
class OneOf(Kind):
    """One of several names, from a list or a function; ``what`` says in errors what they name."""

    what: str
    names: Iterable[str] | Callable[[], Iterable[str]]

    @property
    def known(self) -> tuple[str, ...]:
        """The allowed names."""
        return tuple(self.names() if callable(self.names) else self.names)

    @property
    def metavar(self) -> str:  # type: ignore[override]
        return f"{{{','.join(self.known)}}}"

    def check(self, owner: str, name: str, value: Any) -> str:
        return checks.one_of(self.what, value, self.known)


@dataclass(frozen=True)
class Part(Kind):
    """
    An object of a settings class. Its plain form is a table (a dict).

    Parameters
    ----------
    kind : type
    expected : str
        What an error message says is expected.
    known : tuple of type
        The subclasses that a table can choose by ``name``; empty if there is only ``kind``.
    """

    kind: type[Any]
    expected: str
    known: tuple[type[Checked], ...] = ()

    def check(self, owner: str, name: str, value: Any) -> Any:
        return checks.instance(owner, name, value, self.kind, self.expected)

    def to_plain(self, name: str, value: Any) -> Any:
        return value.to_plain()

    def from_plain(self, name: str, value: Any, now: Any = None) -> Any:
        if not isinstance(value, dict):
            return value
        table = dict(value)
        make: Any = self.kind
        if self.known:
            named = {each.name: each for each in self.known}
            if now is not None:
                table, named = {"name": now.name} | table, named | {now.name: type(now)}
            make = named[checks.one_of(_said(self.kind), table.pop("name", None), named)]
        return make.from_plain(table, now if type(now) is make else None)


@dataclass(frozen=True)
class Parts(Kind):
    """
    Several objects of a settings class, as a tuple. Their plain form is a list of tables.

    They may also be given as text, as on the command line: names, each with its first setting if
    one is given (``r1=0.1,r2``), or a list of tables in TOML (``[{name = "r1", gamma = 0.1}]``).

    Parameters
    ----------
    part : Part
        The kind of each object; ``part.known`` are the classes that a name can choose.
    """

    part: Part
    metavar = "NAMES"

    def check(self, owner: str, name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            at = f"{owner}: " if owner else ""
            raise ValueError(
                f"{at}{name} is {checks.shown(value)}; expected a list, each {self.part.expected}"
            )
        return tuple(self.part.check(owner, f"{name}[{i}]", each) for i, each in enumerate(value))

    def to_plain(self, name: str, value: Any) -> Any:
        return [self.part.to_plain(name, each) for each in value]

    def from_plain(self, name: str, value: Any, now: Any = None) -> Any:
        if isinstance(value, str):
            value = self._tables(name, value)
        if not isinstance(value, list | tuple):
            return value  # ``check`` refuses it
        known = (*self.part.known, *(type(each) for each in now or ()))  # a user's own classes too
        part = dataclasses.replace(self.part, known=known)
        tables = [{"name": each} if isinstance(each, str) else each for each in value]
        return tuple(part.from_plain(name, each) for each in tables)

    def word(self, name: str, value: Any) -> str:
        return _toml(self.to_plain(name, value)) if value else NONE

    def _tables(self, name: str, text: str) -> list[Any]:
        """Return a list of tables, or something else that is refused later, for a text."""
        if text.strip() in (NONE, ""):
            return []
        try:
            if text.lstrip().startswith("["):
                return tomllib.loads(f"value = {text}")["value"]  # type: ignore[no-any-return]
            return [self._table(*each.strip().partition("=")) for each in text.split(",")]
        except (tomllib.TOMLDecodeError, _NoNumber) as error:
            raise ValueError(
                f"{name} is {checks.shown(text)}: {error}; expected names, such as r1=0.1,r2, or"
                " a list of tables in TOML"
            ) from None

    def _table(self, name: str, equals: str, value: str) -> dict[str, Any]:
        known = {each.name: each for each in self.part.known}
        kind = known[checks.one_of(_said(self.part.kind), name, known)]
        if not equals:
            return {"name": name}
        # A setting of the base class, such as ``every``, is given by keyword: it is not the first.
        first = next(f.name for f in dataclasses.fields(kind) if not f.kw_only)  # type: ignore[arg-type]
        try:
            return {"name": name, first: float(value)}
        except ValueError:
            raise _NoNumber(f"{first} is '{value}', not a number") from None


class _NoNumber(ValueError):
    """A word that should be a number is none."""


def _toml(value: Any) -> str:
    """Return plain data as inline TOML, which has no None."""
    if isinstance(value, dict):
        pairs = (f"{name} = {_toml(each)}" for name, each in value.items() if each is not None)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


# -- fields ----------------------------------------------------------------------------------------


class Setting(NamedTuple):
    """A field of a settings class, as ``setting`` declares it."""

    name: str
    kind: Kind
    default: Any  # MISSING if there is none
    type: str
    help: str
    option: bool  # whether it is an option of the command line
    bits: bool  # whether the results of a training depend on it
    run: bool  # whether it belongs to a run only, not to a Trainer

    @property
    def optional(self) -> bool:
        """Whether the setting may be None."""
        return self.default is None

    @property
    def flag(self) -> str:
        """The setting's option on the command line."""
        return f"--{self.name.replace('_', '-')}"

    def words(self, value: Any) -> list[str]:
        """Return the command-line words that set this value."""
        if isinstance(self.kind, Flag):
            return [self.flag if value else f"--no-{self.flag[2:]}"]
        return [self.flag, NONE if value is None else self.kind.word(self.name, value)]

    def parse(self, text: str) -> Any:
        """Return the value that a word of the command line stands for."""
        return None if self.optional and text == NONE else self.kind.parse(text)


def setting(
    kind: Kind,
    default: Any = MISSING,
    *,
    help: str = "",
    option: bool = True,
    bits: bool = True,
    run: bool = False,
    kw_only: Any = MISSING,
) -> Any:
    """
    Declare a field of a settings class.

    Parameters
    ----------
    kind : Kind
        The allowed values.
    default : optional
        If it is None, the setting may be None.
    help : str
        One line, for the documentation and for the help on the command line.
    option : bool
        Whether it is an option of the command line, with the name of the field.
    bits : bool
        Whether the results of a training depend on it.
    run : bool
        Whether it belongs to a run only, not to a ``Trainer``.
    """
    declared = {"kind": kind, "help": help, "option": option, "bits": bits, "run": run}
    return field(default=default, metadata=declared, kw_only=kw_only)


def settings_in(settings: Any) -> dict[str, Setting]:
    """Return the settings of a settings class or of its object, by name."""
    return {
        f.name: Setting(
            f.name,
            default=f.default,
            type=f.type if isinstance(f.type, str) else inspect.formatannotation(f.type),
            **f.metadata,
        )
        for f in dataclasses.fields(settings)
    }


class Checked:
    """
    A frozen dataclass of ``setting`` fields, checked and converted when an object is made.

    A class with a ``name`` can be chosen by this name in a table of settings.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for each in settings_in(self).values():
            value = getattr(self, each.name)
            if not (value is None and each.optional):
                value = each.kind.check(self._owner(), each.name, value)
                object.__setattr__(self, each.name, value)  # the dataclass is frozen
        self._check_together()

    def _owner(self) -> str:
        """Return the name of the settings' owner, for error messages."""
        return type(self).__name__

    def _check_together(self) -> None:
        """Raise ValueError if settings contradict each other."""

    def to_plain(self) -> dict[str, Any]:
        """
        Return the settings in a form that JSON and TOML can hold.

        Raises
        ------
        ValueError
            For a user's function, which has no such form.
        """
        name = getattr(type(self), "name", None)
        plain = {} if name is None else {"name": name}
        for each in settings_in(self).values():
            value = getattr(self, each.name)
            plain[each.name] = None if value is None else each.kind.to_plain(each.name, value)
        return plain

    @classmethod
    def from_plain(cls, table: Mapping[str, Any], now: Self | None = None) -> Self:
        """
        Return the settings of a table: a result of ``to_plain``, or a part of it.

        A setting that is not in the table has its value from ``now`` if that is given, or else
        its default. The table may hold objects, such as ``Adam()``, instead of their tables.
        """
        known, values = settings_in(cls), {}
        for name, value in table.items():
            if name not in known:
                of = "" if _said(cls) == "settings" else f" of {_said(cls)}"
                raise unknown(f"setting{of}", name, known)
            if not (value is None and known[name].optional):
                value = known[name].kind.from_plain(name, value, getattr(now, name, None))
            values[name] = value
        if now is not None:
            return dataclasses.replace(now, **values)  # type: ignore[type-var]
        missing = [name for name, s in known.items() if s.default is MISSING and name not in values]
        if missing:
            raise ValueError(f"{_said(cls)}: {' and '.join(missing)} missing; expected a value")
        return cls(**values)


def _said(cls: type[Any]) -> str:
    """Return the name of a settings class in error messages, such as "noise" or "adam"."""
    said: str = getattr(cls, "name", cls.__name__.lower())
    return said


def fill_docstring(cls: type[Any], settings: Iterable[Setting]) -> None:
    """Replace ``{settings}`` in a class's docstring by the documentation of these settings."""
    if cls.__doc__ is None:  # python -OO
        return
    lines = []
    for each in settings:
        default = "" if each.default is MISSING else f", default {each.default!r}"
        lines += [f"{each.name} : {each.type}{default}", f"    {each.help}"]
    cls.__doc__ = inspect.cleandoc(cls.__doc__).replace("{settings}", "\n".join(lines))


def signature_with(cls: type[Any], settings: Iterable[Setting]) -> inspect.Signature:
    """Return the signature of a class, with a keyword for each setting instead of ``**changes``."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = inspect.signature(cls)
    taken = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for each in settings:
        default = inspect.Parameter.empty if each.default is MISSING else each.default
        taken.append(inspect.Parameter(each.name, keyword, default=default, annotation=each.type))
    return own.replace(parameters=taken)
