"""Clients that nobody here wrote, each module of them against one running service."""

import os
import socket
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.foundation.engines.lock import Engines
from tests.conftest import forget_attempts, settings_for
from tests.interop.judge import SCRIPTS
from tests.interop.site import Persons, Site, serving
from tests.servers import database_named, execute
from tools.npm_install import NodeEnvironment, NodeMissing, installed


# Not for the whole session: its tasks would run, and log, within the tests of other folders.
@pytest.fixture(scope="module")
async def site(engines: Engines, template: str) -> AsyncIterator[Site]:
    """The running service with its worker; its address is its issuer."""
    name = f"t_{uuid4().hex}"
    await forget_attempts(engines)
    await execute(engines.database_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = settings_for(
            database_named(engines, name),
            engines,
            public_url=f"http://localhost:{listener.getsockname()[1]}",
            http={"allow_private": ("localhost",)},
        )
        async with serving(settings, listener) as site:
            yield site


@pytest.fixture
async def persons(site: Site) -> AsyncIterator[Persons]:
    """`await persons.sign_up("tess@example.com")` is a person with a browser."""
    opened = Persons(site)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def node() -> NodeEnvironment:
    """Node with the judges' packages; where it cannot be had the test skips and says why, and in CI it fails."""
    try:
        return installed(SCRIPTS, "interop-node")
    except NodeMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
