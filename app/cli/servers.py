"""Servers of one's own, which take the place of the embedded engines."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.foundation.engines.errors import EngineError

_LINE = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OwnServers:
    """What the environment, or `.env` where we stand, says of servers; None where it says nothing."""

    database_url: str | None
    redis_url: str | None


def own_servers() -> OwnServers:
    """Read DATABASE__URL and REDIS__URL as the settings do, without importing the settings of every feature.

    Raises EngineError when one names a file that cannot be read.
    """
    return OwnServers(_read("DATABASE__URL"), _read("REDIS__URL"))


def _read(name: str) -> str | None:
    for source in _sources():
        if text := source.get(name):
            return text
        if file := source.get(f"{name}_FILE"):
            try:
                return Path(file).read_text().strip()
            except OSError as error:
                raise EngineError(f"{name}_FILE names {file}, which cannot be read: {error.strerror}.") from error
    return None


def _sources() -> Iterator[Mapping[str, str]]:
    yield os.environ
    try:
        text = Path(".env").read_text()
    except OSError:
        return
    yield {name: value.strip("'\"") for name, value in _LINE.findall(text)}
