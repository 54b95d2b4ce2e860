from collections.abc import Callable
from typing import Any

import pytest

from app.federation.connector import Connection, ConnectorKind, Policy
from app.federation.saml.parts import SAMLParts
from app.wiring import Services
from tests.federation.saml.idp import ENTITY_ID, Keys, metadata
from tests.support import ISSUER


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.rsa()


@pytest.fixture(scope="session")
def attacker() -> Keys:
    return Keys.rsa()


@pytest.fixture
async def saml(services: Services) -> SAMLParts:
    return parts_of(services)


def parts_of(services: Services) -> SAMLParts:
    """What another process would have."""
    return SAMLParts.build(
        services.db,
        services.clock,
        services.keyring,
        services.audit,
        services.outbound,
        in_settings=services.outbound,
        public_url=services.settings.public_url,
    )


@pytest.fixture
def connected(saml: SAMLParts, keys: Keys) -> Callable[..., Connection]:
    """`connected(signed="both")` is a connection with that configuration; without metadata it has the provider's."""

    def connect(**config: Any) -> Connection:
        if not config.keys() & {"metadata_url", "metadata_xml"}:
            config["metadata_xml"] = metadata(keys).decode()
        if "metadata_url" in config:
            config.setdefault("entity_id", ENTITY_ID)
        return Connection(
            id="corp",
            name="Corp",
            kind=ConnectorKind.SAML,
            preset=None,
            config=saml.connector.check(ConnectorKind.SAML, None, config),
            secret=None,
            policy=Policy(),
            version=1,
            callback_url=f"{ISSUER}/auth/saml/corp/acs",
        )

    return connect
