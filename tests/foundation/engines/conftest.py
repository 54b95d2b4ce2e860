import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.foundation.engines.instance import Instance
from tests.foundation.engines.support import Holder


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that `nobody` can reach too, which pytest's own temporary folders are not."""
    with tempfile.TemporaryDirectory(prefix="engines-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "data"


@pytest.fixture
def hold() -> Iterator[Callable[..., Holder]]:
    """Start holders; whatever is left of them at the end is ended."""
    with contextlib.ExitStack() as ends:

        def start(data_dir: Path, *options: str) -> Holder:
            holder = Holder(data_dir, *options)
            ends.callback(holder.end)
            return holder

        yield start


@pytest.fixture
def instance(data_dir) -> Iterator[Instance]:
    started = Instance(data_dir, durable=False)
    started.start()
    yield started
    started.stop()
