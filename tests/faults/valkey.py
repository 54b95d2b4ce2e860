"""A Valkey of a drill's own, to break."""

import os
import signal
from pathlib import Path
from urllib.parse import unquote

from app.foundation.engines.instance import Instance
from tests.revocation.conftest import until


class Valkey:
    """The Valkey of an instance that has none running yet. To be used from the main thread."""

    def __init__(self, instance: Instance) -> None:
        self.url = instance.start().redis_url
        assert instance.valkey is not None
        self._valkey = instance.valkey

    def send(self, number: signal.Signals) -> None:
        assert self._valkey.engine is not None
        os.kill(self._valkey.engine.pid, number)

    async def kill(self) -> None:
        """kill -9; nothing of it was written down."""
        engine = self._valkey.engine
        assert engine is not None
        self.send(signal.SIGKILL)
        await until(lambda: not engine.is_running)

    def start(self) -> None:
        self._valkey.start(Path(unquote(self.url.removeprefix("unix://").partition("?")[0])).parent)
