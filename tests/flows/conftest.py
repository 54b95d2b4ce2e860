"""Every flow runs under the detector of blocking calls."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.blocking import Detector


@pytest.fixture(autouse=True)
def _nothing_blocks(api: httpx2.AsyncClient) -> Iterator[None]:
    """What a start may do, such as reading files, is over once there is `api`."""
    detector = Detector()
    with detector.watching():
        yield
    assert detector.hits == []
