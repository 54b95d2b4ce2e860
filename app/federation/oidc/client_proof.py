"""How we prove at a token endpoint who we are. Specs: RFC 6749 §2.3; OpenID Connect Core 1.0 §9."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote_plus, urlsplit

from app.federation.connector import Connection, ConnectorKind, Refusal
from app.federation.oidc.client_key import (
    ASSERTION_TYPE,
    ClientKeyRefused,
    Statement,
    algorithm_of,
    is_private_key,
    published_keys,
    read_client_keys,
    write_assertion,
)
from app.federation.oidc.faults import ProviderFault
from app.federation.oidc.plain_setup import PlainSetup, read_plain
from app.federation.oidc.setup import AssertedTo, ClientAuthentication, OIDCSetup, read_oidc
from app.foundation.secrets import random_id
from app.protocols.oidc.upstream_metadata import ProviderMetadata

_BY_SECRET = ("client_secret_basic", "client_secret_post")
_BY_KEY = "private_key_jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proving:
    """To whom a request goes. `offered` and `algorithms` are what the provider says it takes, None where it does not.

    `audience` is who an assertion is for, None where it could be passed on to somebody else.
    """

    client_id: str
    authentication: ClientAuthentication
    audience: str | None
    now: datetime
    offered: Sequence[str] | None = None
    algorithms: Sequence[str] | None = None

    @classmethod
    def at(cls, setup: OIDCSetup, metadata: ProviderMetadata, url: str, now: datetime) -> "Proving":
        """At the token endpoint `url` of an OpenID provider."""
        audience: str | None = metadata.issuer
        if setup.authentication.asserted_to is AssertedTo.TOKEN_ENDPOINT:
            # A document may name an endpoint of somebody else's, at whom the assertion would then prove us.
            audience = url if urlsplit(url).hostname in setup.hosts else None
        return cls(
            client_id=setup.client_id,
            authentication=setup.authentication,
            audience=audience,
            now=now,
            offered=metadata.auth_methods,
            algorithms=metadata.auth_algorithms,
        )

    @classmethod
    def plainly(cls, setup: PlainSetup, now: datetime) -> "Proving":
        """At a plain provider, whose token endpoint the operator named."""
        return cls(
            client_id=setup.client_id, authentication=setup.authentication, audience=setup.token_endpoint, now=now
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientProof:
    """Who we are there, and how we prove it, in one request."""

    client_id: str
    method: str
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)

    @classmethod
    def chosen(cls, secret: str | None, proving: Proving) -> "ClientProof":
        """By the method of the configuration, else by one that the provider offers. Raises ProviderFault."""
        method = proving.authentication.method or _method(secret, proving.offered)
        if method == "none":
            return cls(client_id=proving.client_id, method=method)
        if secret is None:
            raise ProviderFault(Refusal.BROKEN, f"{method} needs a client secret, and the connection has none")
        if method != _BY_KEY and is_private_key(secret):
            raise ProviderFault(Refusal.BROKEN, f"{method} would send our private key; {_BY_KEY} is the method for it")
        if method == _BY_KEY:
            return cls(client_id=proving.client_id, method=method, assertion=_assertion(secret, proving))
        return cls(client_id=proving.client_id, method=method, secret=secret)

    def headers(self) -> dict[str, str]:
        """What of it stands in the header."""
        if self.method != "client_secret_basic":
            return {}
        # Each half is form-encoded before they are joined. Spec: RFC 6749 §2.3.1.
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret or '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def fields(self) -> dict[str, str]:
        """What of it stands in the form."""
        if self.method == "client_secret_basic":
            return {}
        if self.assertion is not None:
            return {
                "client_id": self.client_id,
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self.assertion,
            }
        return {"client_id": self.client_id, **({} if self.secret is None else {"client_secret": self.secret})}


def client_keys(connection: Connection) -> list[dict[str, str]]:
    """The public keys by which a connection proves itself; none where it does so by a secret, or not at all."""
    if connection.secret is None or not is_private_key(connection.secret):
        return []
    read = read_plain if connection.kind is ConnectorKind.OAUTH2 else read_oidc
    algorithm = read(connection.preset, connection.config).authentication.algorithm
    try:
        return published_keys(read_client_keys(connection.secret), chosen=algorithm)
    except ClientKeyRefused:
        return []


def _method(secret: str | None, offered: Sequence[str] | None) -> str:
    """What fits the connection's secret and what the provider takes. Raises ProviderFault."""
    if secret is None:
        return "none"
    # Without the member it takes a secret (OpenID Connect Discovery 1.0 §3); who has a key there was told so by it.
    known = ("client_secret_basic", _BY_KEY) if offered is None else tuple(offered)
    by_key = is_private_key(secret)
    found = next((name for name in ((_BY_KEY,) if by_key else _BY_SECRET) if name in known), None)
    if found is None:
        ours = "a private key" if by_key else "a secret"
        raise ProviderFault(
            Refusal.BROKEN, f"the token endpoint takes {', '.join(known)[:200]}, and this connection has {ours}"
        )
    return found


def _assertion(secret: str, proving: Proving) -> str:
    if proving.audience is None:
        words = "an assertion for its address could be passed on: its host is none that this connection names"
        raise ProviderFault(Refusal.BROKEN, words)
    statement = Statement(client_id=proving.client_id, audience=proving.audience, jti=random_id(), now=proving.now)
    try:
        keys = read_client_keys(secret)
        algorithm = algorithm_of(keys.private[0], chosen=proving.authentication.algorithm, offered=proving.algorithms)
        return write_assertion(
            keys, statement, algorithm=algorithm, by_certificate=proving.authentication.by_certificate
        )
    except ClientKeyRefused as error:
        raise ProviderFault(Refusal.BROKEN, f"private_key_jwt: {error}") from None
