"""Clients that sign who they are, with keys in the registry and at an address of theirs."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.clients.service import NewCredentials
from app.protocols.oauth.client_assertion import ASSERTION_TYPE
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.conftest import Machine, MakeClient, refused
from tests.support import ISSUER, Events

pytestmark = pytest.mark.anyio

KEY = ECKey.generate_key("P-256", parameters={"kid": "k1"})
OTHERS = ECKey.generate_key("P-256", parameters={"kid": "k1"})
RSA = RSAKey.generate_key(2048, parameters={"kid": "k2"})


def jwks(*keys: Any) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


class Signer:
    """Makes statements of a client, good ones unless told otherwise; a claim of None is left out."""

    def __init__(self, services: Services, made: NewCredentials) -> None:
        self._services = services
        self.client_id = made.client_id
        self._count = 0

    def sign(self, *, key: Any = KEY, alg: str = "ES256", header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(self._services.clock.now().timestamp())
        self._count += 1
        members = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{ISSUER}/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": f"{self.client_id}-{self._count}",
            **claims,
        }
        kid = {} if isinstance(key, OctKey) else {"kid": key.kid}
        return jwt.encode(
            {"alg": alg, **kid, **(header or {})},
            {name: value for name, value in members.items() if value is not None},
            key,
            algorithms=[alg],
        )


def presented(assertion: str) -> dict[str, str]:
    return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}


@pytest.fixture
async def signer(services: Services, make_client: MakeClient) -> Signer:
    made = await make_client(auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=jwks(KEY, RSA))
    assert made.raw_secret is None
    return Signer(services, made)


@pytest.mark.spec("RFC 7523 §3")
async def test_a_client_proves_itself_by_its_signature(signer: Signer, machine: Machine) -> None:
    for more in ({}, {"client_id": signer.client_id}):
        answer = await machine.ask(**presented(signer.sign()), **more)
        assert answer.status_code == 200, answer.text
    assert (await machine.ask(**presented(signer.sign(key=RSA, alg="RS256")))).status_code == 200
    for aud in (ISSUER, [ISSUER], [ISSUER, f"{ISSUER}/oauth/token"]):
        assert (await machine.ask(**presented(signer.sign(aud=aud)))).status_code == 200


@pytest.mark.attack("TOK-10")
@pytest.mark.spec("RFC 7523 §3")
async def test_a_statement_for_another_server_or_time_is_refused(
    signer: Signer, machine: Machine, services: Services, events: Events
) -> None:
    now = int(services.clock.now().timestamp())
    wrong: list[dict[str, Any]] = [
        {"aud": "https://other.example.com"},
        {"aud": [f"{ISSUER}/oauth/token", "https://other.example.com"]},
        {"aud": []},
        {"aud": None},
        {"exp": now - 31},
        {"exp": None},
        {"exp": True},
        {"exp": now + 3700},
        {"iat": now + 60},
        {"nbf": now + 60},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 257},
        {"iss": "c_" + "0" * 22},
        {"iss": None},
        {"sub": "c_" + "0" * 22},
        {"key": OTHERS},
        {"header": {"kid": "unknown"}},
        {"header": {"typ": "at+jwt"}},
        {"header": {"jwk": OTHERS.as_dict(private=False)}, "key": OTHERS},
    ]
    for each in wrong:
        refused(await machine.ask(**presented(signer.sign(**each))), 401, "invalid_client")
    for half in (
        {"client_assertion": signer.sign()},
        {"client_assertion_type": ASSERTION_TYPE},
        {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION_TYPE},
        {"client_assertion": "", "client_assertion_type": ASSERTION_TYPE},
    ):
        refused(await machine.ask(**half), 401, "invalid_client")
    refused(await machine.ask(**presented(signer.sign()), client_id="c_" + "0" * 22), 400, "invalid_request")
    assert await events.of("client.token_issued") == []
    assert (await machine.ask(**presented(signer.sign()))).status_code == 200


@pytest.mark.attack("TOK-11")
@pytest.mark.spec("RFC 8725 §3.1")
async def test_a_statement_by_a_shared_secret_is_refused(
    signer: Signer, machine: Machine, make_client: MakeClient, services: Services
) -> None:
    # The classic: the published key, taken as the secret of an HMAC.
    published = OctKey.import_key(json.dumps(KEY.as_dict(private=False), sort_keys=True).encode())
    refused(await machine.ask(**presented(signer.sign(key=published, alg="HS256"))), 401, "invalid_client")
    none = signer.sign().split(".")
    header = '{"alg":"none","typ":"JWT"}'
    forged = base64.urlsafe_b64encode(header.encode()).rstrip(b"=").decode() + f".{none[1]}."
    refused(await machine.ask(**presented(forged)), 401, "invalid_client")
    by_secret = await make_client()
    secret = OctKey.import_key((by_secret.raw_secret or "").encode())
    statement = Signer(services, by_secret).sign(key=secret, alg="HS256")
    refused(await machine.ask(**presented(statement)), 401, "invalid_client")
    # And the other way: a secret for a client that signs.
    refused(await machine.ask(client_id=signer.client_id, client_secret="x" * 43), 401, "invalid_client")


async def test_a_statement_counts_once_everywhere(signer: Signer, machine: Machine, services: Services) -> None:
    statement = presented(signer.sign())
    answers = await asyncio.gather(*(machine.ask(**statement) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    # As long as it would be accepted, leeway included; then it is refused for its age.
    services.clock.offset += timedelta(seconds=85)
    refused(await machine.ask(**statement), 401, "invalid_client")
    services.clock.offset += timedelta(seconds=80)
    refused(await machine.ask(**statement), 401, "invalid_client")
