"""What a development instance needs before anything works on it: its secrets, its schema, its environment."""

import dataclasses
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.cli.data_folder import PROJECT, DataFolder, Notes
from app.cli.schema import Schema, look_at
from app.foundation.clock import Clock
from app.foundation.engines.errors import EngineError
from app.foundation.engines.lock import Engines
from app.foundation.engines.privileges import Identity
from app.foundation.engines.processes import Child, Steps
from app.migrations.chain import newest_revision

_STOP_PREPARATION = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
_PREPARE_SECONDS = 120.0
# These would contradict what is set here.
_DROPPED = frozenset({"DATABASE__URL_FILE", "REDIS__URL_FILE"})


async def prepare_instance(
    folder: DataFolder, engines: Engines, *, url: str | None = None, demo: bool = False
) -> Notes:
    """Bring an instance's database to this release and write the demo data, unless that was done before.

    `url` is the address from now on; None keeps the last. Once a month the database is looked after even when the
    schema is current, because its tables are partitioned by month. Raises EngineError when the key to the data is
    gone: a new one would leave them unreadable, and say nothing.
    """
    schema = await look_at(engines.database_url)
    notes = folder.read() or _first_notes(folder, schema)
    notes = dataclasses.replace(notes, public_url=url or notes.public_url)
    newest = newest_revision()
    state = f"{newest} {Clock().now():%Y-%m}"
    is_current = schema.revision == newest and notes.prepared == state
    if not is_current or (demo and not (notes.demo and notes.clients)):
        folder.write(notes)
        _run_preparation(folder, environment_for(engines, notes), demo=demo)
        # The preparation has noted the credentials that it made.
        notes = dataclasses.replace(folder.read() or notes, prepared=state, demo=notes.demo or demo)
    folder.write(notes)
    return notes


def environment_for(engines: Engines, notes: Notes) -> dict[str, str]:
    """The environment in which the service and the commands work on a development instance."""
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    keys = {} if _has_own_keys() else {"ENCRYPTION__KEYS": notes.encryption_key}
    ours = {
        "ENVIRONMENT": "development",
        "PUBLIC_URL": notes.public_url,
        "DATABASE__URL": engines.database_url,
        "REDIS__URL": engines.redis_url,
    }
    return inherited | keys | ours


def start_python(
    folder: DataFolder,
    name: str,
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    stop: Steps,
    pass_files: Sequence[int] = (),
) -> Child:
    """Start a Python program of ours as a child that writes its log into the data folder."""
    # -P: a package `app` in the folder where somebody types the command must not stand in for ours.
    command = [sys.executable, "-P", *arguments]
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    return Child(
        name,
        Identity.ours(),
        command,
        log=folder.log(name),
        stop=stop,
        environment=environment | {"PYTHONPATH": path},
        folder=Path.cwd(),
        pass_files=pass_files,
    )


def _first_notes(folder: DataFolder, schema: Schema) -> Notes:
    if schema.holds_keys and not _has_own_keys():
        raise EngineError(
            f"The database holds encrypted keys, and the key to them is not in {folder.path} (secrets.json).\n"
            "Restore that file, set ENCRYPTION__KEYS, or start afresh with `dev --reset`."
        )
    return folder.make()


def _has_own_keys() -> bool:
    return bool(os.environ.get("ENCRYPTION__KEYS") or os.environ.get("ENCRYPTION__KEYS_FILE"))


def _run_preparation(folder: DataFolder, environment: dict[str, str], *, demo: bool) -> None:
    arguments = ["-m", "app.cli", "prepare", "--data-dir", str(folder.path), *(["--demo"] if demo else [])]
    child = start_python(folder, "preparation", arguments, environment=environment, stop=_STOP_PREPARATION)
    try:
        if child.wait(_PREPARE_SECONDS) != 0:
            raise EngineError(child.last_words())
    finally:
        child.stop()
