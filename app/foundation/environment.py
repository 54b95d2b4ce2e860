"""Reads settings from the environment, `.env` and files, and says in words what is wrong with them.

A setting is named by its section and its field: `DATABASE__POOL_SIZE`. Any of them may stand in a file instead,
named by the same variable with the suffix `_FILE`. The environment goes before `.env`; an empty value is none.
"""

import difflib
import json
import stat
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource

from app.foundation.errors import StartupRefused
from app.foundation.validation import describe

_FILE = "_FILE"
_MAX_FILE_BYTES = 64 * 1024
_SEQUENCES = (list, tuple, set, frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one variable, and a line that would be right. It never quotes the value."""

    variable: str
    words: str
    example: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.words} Example: {self.example}"


class SettingsError(StartupRefused):
    """The settings do not allow a start. The message names each variable, its fault and an example."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(["The settings are not right:", *(f"  {fault}" for fault in faults)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One setting: its name outside, its place inside, and its declaration."""

    name: str
    place: tuple[str, ...]
    field: FieldInfo

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return SecretStr in _kinds(self.field.annotation)

    @property
    def example(self) -> str:
        """A line that sets it."""
        if self.field.examples:
            return f"{self.name}={self.field.examples[0]}"
        if self.is_secret or (self.field.default is None and str in _kinds(self.field.annotation)):
            return f"{self.name}{_FILE}=/run/secrets/{self.name.lower()}"
        return f"{self.name}={_as_text(self)}"


def variables(settings: type[BaseModel]) -> Iterator[Variable]:
    """Every setting of a settings class, top level first as declared."""
    for name, field in settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner, inner_field in section.model_fields.items():
                # A field named by a word of Python's ends in an underscore, which is not part of the name outside.
                yield Variable(name=f"{name}__{inner}".upper().rstrip("_"), place=(name, inner), field=inner_field)
        else:
            yield Variable(name=name.upper(), place=(name,), field=field)


def read(
    settings: type[BaseSettings], environ: Mapping[str, str], env_file: Path | None, warn: Callable[[str], None]
) -> dict[str, Any]:
    """The values of a settings class as nested dictionaries, each text or parsed list.

    `warn` hears of files with secrets that others may read, and of names in `.env` that mean nothing here.
    Raises SettingsError for unknown names of ours, unreadable files and lists that are no JSON.
    """
    dotenv = _dotenv(settings, env_file)
    known = {variable.name: variable for variable in variables(settings)}
    faults = [*_unknown(known, {**dotenv, **environ})]
    for name in dotenv:
        if "__" in name and _plain(name) not in known and not _is_ours(name, known):
            warn(f"{name} in {env_file} is no setting of this release and does nothing.{_did_you_mean(name, known)}")
    values: dict[str, Any] = {}
    for variable in known.values():
        try:
            text = _find(variable, (environ, dotenv), warn)
            if text is not None:
                _place(values, variable.place, _parsed(variable, text))
        except ValueError as error:
            faults.append(Fault(variable=variable.name, words=_sentence(error), example=variable.example))
    if faults:
        raise SettingsError(faults)
    return values


def faults_of(settings: type[BaseModel], error: ValidationError) -> list[Fault]:
    """What pydantic refused, by the variables' names and in our own words."""
    known = {variable.place: variable for variable in variables(settings)}
    faults = []
    for detail in error.errors(include_url=False, include_input=False):
        location = tuple(str(part) for part in detail["loc"])
        variable = known.get(location[:1]) or known.get(location[:2]) or _first_of_section(known, location)
        where = " ".join(location[len(variable.place) :])
        words = _own_words(detail) or describe(detail)
        faults.append(
            Fault(variable=variable.name, words=f"at {where}: {words}" if where else words, example=variable.example)
        )
    return faults


def secret_files(
    settings: type[BaseSettings], environ: Mapping[str, str], env_file: Path
) -> tuple[list[Path], list[Path]]:
    """The files that a `_FILE` variable names for a secret, and those among `env_file` that hold one themselves."""
    dotenv = _dotenv(settings, env_file)
    secrets = [variable.name for variable in variables(settings) if variable.is_secret]
    named = [Path(file) for name in secrets if (file := (environ.get(name + _FILE) or dotenv.get(name + _FILE)))]
    return named, [env_file] if any(dotenv.get(name) for name in secrets) else []


def _own_words(detail: Mapping[str, Any]) -> str | None:
    """The words of a ValueError that a validator of ours raised; ours never quote a secret."""
    error = detail.get("ctx", {}).get("error")
    return _sentence(error) if detail["type"] == "value_error" and error is not None else None


def _sentence(error: object) -> str:
    words = str(error).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def _first_of_section(known: Mapping[tuple[str, ...], Variable], location: tuple[str, ...]) -> Variable:
    """Where a whole section is refused or missing, its first setting stands for it."""
    return next(variable for place, variable in known.items() if place[:1] == location[:1])


def _dotenv(settings: type[BaseSettings], env_file: Path | None) -> dict[str, str]:
    if env_file is None:
        return {}
    source = DotEnvSettingsSource(settings, env_file=env_file, case_sensitive=True, env_ignore_empty=True)
    return {name: value for name, value in source.env_vars.items() if value is not None}


def _unknown(known: Mapping[str, Variable], given: Mapping[str, str]) -> Iterator[Fault]:
    """Names within our sections that are no settings: a typing error must not silently leave the default."""
    for name in sorted(given):
        if _is_ours(name, known) and (_plain(name) not in known or name != name.upper()):
            close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)
            words = f"There is no such setting.{_did_you_mean(name, known)}"
            yield Fault(variable=name, words=words, example=known[close[0]].example)


def _is_ours(name: str, known: Mapping[str, Variable]) -> bool:
    sections = {variable.place[0].upper() for variable in known.values() if len(variable.place) > 1}
    section, separator, _ = name.upper().partition("__")
    return bool(separator) and section in sections


def _plain(name: str) -> str:
    return name.upper().removesuffix(_FILE)


def _did_you_mean(name: str, known: Mapping[str, Variable]) -> str:
    close = difflib.get_close_matches(_plain(name), known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _find(variable: Variable, sources: tuple[Mapping[str, str], ...], warn: Callable[[str], None]) -> str | None:
    for source in sources:
        text, file = source.get(variable.name), source.get(variable.name + _FILE)
        if text and file:
            raise ValueError(f"it is given twice, by itself and as {variable.name}{_FILE}")
        if text:
            return text
        if file:
            return _read_file(variable, Path(file), warn)
    return None


def _read_file(variable: Variable, path: Path, warn: Callable[[str], None]) -> str:
    name = variable.name + _FILE
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        mode = path.stat().st_mode
        text = content.decode("utf-8").strip()
    except OSError as error:
        raise ValueError(f"{name} names a file that cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name} names a file that is no text in UTF-8") from None
    if not text or len(content) > _MAX_FILE_BYTES:
        raise ValueError(f"{name} names a file that is empty or larger than 64 kB")
    if variable.is_secret and mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        warn(f"{name}: others on this machine may read {path} (mode {stat.S_IMODE(mode):04o}); make it 0400.")
    return text


def _parsed(variable: Variable, text: str) -> object:
    """Text as it is; for a list JSON or comma-separated items."""
    if not _is_sequence(variable.field.annotation):
        return text
    if not text.lstrip().startswith(("[", "{")):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not valid JSON") from None


def _is_sequence(annotation: object) -> bool:
    return any(kind in _SEQUENCES for kind in _kinds(annotation))


def _kinds(annotation: object) -> set[object]:
    """The types that an annotation allows at its top, without what describes them."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds(part)}
    return {get_origin(annotation) or annotation}


def _place(values: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    for part in place[:-1]:
        values = values.setdefault(part, {})
    values[place[-1]] = value


def _as_text(variable: Variable) -> str:
    """The default as one would write it, or a value that fits where there is none."""
    default = variable.field.get_default()
    if default is None or variable.field.is_required():
        bounds = [getattr(part, "ge", None) for part in variable.field.metadata]
        return next((str(bound) for bound in bounds if bound is not None), "false")
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, tuple) else str(default)
