"""Which deployment a command works on, and its settings: all that a command needs which opens no services."""

import contextlib
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from app.cli.data_folder import DataFolder
from app.cli.environment import environment_for, prepare_instance
from app.cli.servers import own_servers
from app.cli.terminal import complain
from app.foundation.engines.instance import attach_or_start
from app.settings import Settings, load_settings


@contextlib.asynccontextmanager
async def deployment(data_dir: Path | None) -> AsyncIterator[Settings]:
    """The settings of the deployment to work on, whose engines run for the length of the block.

    A data folder is a development instance: its engines are joined if they run, else started for the block, and
    its database is brought to this release first. Without one, DATABASE__URL names the deployment; without that
    either, it is the instance in the default data folder. Raises EngineError and SettingsError.
    """
    own = own_servers()
    if data_dir is None and own.database_url is not None:
        yield read_settings()
        return
    folder = DataFolder(data_dir)
    with attach_or_start(folder.path, database_url=own.database_url, redis_url=own.redis_url) as engines:
        notes = await prepare_instance(folder, engines)
        os.environ.update(environment_for(engines, notes))
        yield read_settings()


def read_settings(*, processes: int = 1) -> Settings:
    """The settings of this process; what is unwise in them is said on stderr. Raises SettingsError."""
    return load_settings(processes=processes, warn=partial(complain, "warning"))
