import pytest

from tests.federation.saml.idp import Keys


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.rsa()


@pytest.fixture(scope="session")
def attacker() -> Keys:
    return Keys.rsa()
