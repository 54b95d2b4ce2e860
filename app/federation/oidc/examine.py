"""Trying a connection without a person: each thing that a sign-in needs, and in words what is wrong with it."""

from app.federation.connector import Connection, ConnectorKind, InvalidConfiguration
from app.federation.oidc.client_proof import ClientProof, Proving
from app.federation.oidc.documents import Documents
from app.federation.oidc.faults import ProviderFault
from app.federation.oidc.plain_setup import PlainSetup, read_plain
from app.federation.oidc.reach import Named, Reach, described
from app.federation.oidc.redeem import ask, error_of
from app.federation.oidc.setup import OIDCSetup, read_oidc
from app.foundation.clock import Clock
from app.foundation.secrets import random_secret
from app.protocols.jose.upstream_keys import ALGORITHMS
from app.protocols.oidc.upstream_metadata import ProviderMetadata
from app.protocols.trace import Trace

_BAD_CLIENT = frozenset({"invalid_client", "unauthorized_client", "incorrect_client_credentials"})
_BAD_CODE = frozenset({"invalid_grant", "bad_verification_code", "invalid_request"})
_BAD_CALLBACK = frozenset({"redirect_uri_mismatch"})


class Examination:
    """Asks a provider for all that a sign-in would need. What is kept of it is not relied on, but asked for anew."""

    def __init__(self, reach: Reach, documents: Documents, clock: Clock) -> None:
        self._clock = clock
        self._reach = reach
        self._documents = documents

    async def of(self, connection: Connection) -> Trace:
        """Every check, the failed ones with a cure."""
        trace = Trace()
        try:
            if connection.kind is ConnectorKind.OAUTH2:
                await self._plain(connection, read_plain(connection.preset, connection.config), trace)
            else:
                await self._openid(connection, read_oidc(connection.preset, connection.config), trace)
        except InvalidConfiguration as error:
            trace.check(f"configuration: {error.member}", passed=False, expected=str(error), received="something else")
        return trace

    async def _openid(self, connection: Connection, setup: OIDCSetup, trace: Trace) -> None:
        named = Named(setup.hosts, connection.from_settings)
        expected = f"a JSON document at {setup.metadata_url} whose issuer is exactly {setup.issuer.name}"
        try:
            metadata = await self._documents.metadata_now(setup, named)
        except ProviderFault as fault:
            trace.check("discovery", passed=False, expected=expected, received=f"{fault}. {_cure(fault)}")
            return
        trace.check("discovery", passed=True, expected=expected, received=metadata.issuer)
        _judge(metadata, setup, trace)
        await self._keys(metadata, named, trace)
        try:
            proving = Proving.at(setup, metadata, metadata.token_endpoint, self._clock.now())
            proof = ClientProof.chosen(connection.secret, proving)
        except ProviderFault as fault:
            trace.check("client", passed=False, expected="a way to prove who we are", received=str(fault))
            return
        await self._client(connection, metadata.token_endpoint, named, proof, trace)

    async def _plain(self, connection: Connection, setup: PlainSetup, trace: Trace) -> None:
        try:
            proof = ClientProof.chosen(connection.secret, Proving.plainly(setup, self._clock.now()))
        except ProviderFault as fault:
            trace.check("client", passed=False, expected="a way to prove who we are", received=str(fault))
            return
        named = Named(setup.hosts, connection.from_settings)
        await self._client(connection, setup.token_endpoint, named, proof, trace)

    async def _keys(self, metadata: ProviderMetadata, named: Named, trace: Trace) -> None:
        expected = f"public keys for signatures at {metadata.jwks_uri}"
        try:
            key_set = await self._documents.key_set_now(metadata, named)
        except ProviderFault as fault:
            trace.check("keys", passed=False, expected=expected, received=f"{fault}. {_cure(fault)}")
            return
        received = f"{len(key_set.keys)} usable"
        if key_set.passed_over:
            received += "; passed over: " + "; ".join(f"{kid} {why}" for kid, why in key_set.passed_over.items())
        trace.check("keys", passed=True, expected=expected, received=received)

    async def _client(self, connection: Connection, url: str, named: Named, proof: ClientProof, trace: Trace) -> None:
        """Redeem a code that nobody gave: what is refused about it tells whether we ourselves are known."""
        expected = f"{url} knows this client, and refuses only the made-up code"
        try:
            answer = await ask(
                self._reach,
                url,
                named,
                proof,
                code=random_secret(),
                verifier=random_secret(),
                redirect_uri=connection.callback_url,
            )
        except ProviderFault as fault:
            trace.check("client", passed=False, expected=expected, received=f"{fault}. {_cure(fault)}")
            return
        error = error_of(answer)
        received = described(answer)
        if error in _BAD_CLIENT:
            received += ". The client id or the client secret is wrong, or the provider wants it sent another way."
        elif error in _BAD_CALLBACK:
            received += f". Enter {connection.callback_url} at the provider, letter by letter."
        elif error not in _BAD_CODE:
            received += ". This is not how a token endpoint refuses a code: is the address right?"
        trace.check("client", error in _BAD_CODE, expected=expected, received=received)
        trace.check(
            "callback address",
            passed=error not in _BAD_CALLBACK,
            expected=f"{connection.callback_url} is entered at the provider",
            received="only a sign-in can show that it is",
        )


def _judge(metadata: ProviderMetadata, setup: OIDCSetup, trace: Trace) -> None:
    """What the document itself tells of whether a sign-in can work."""
    algorithms = metadata.algorithms or ("RS256",)
    trace.check(
        "id_token algorithms",
        passed=bool(ALGORITHMS & set(algorithms)),
        expected=f"one of {', '.join(sorted(ALGORITHMS))}",
        received=", ".join(algorithms),
    )
    methods = metadata.challenge_methods
    trace.check(
        "PKCE",
        passed=methods is None or "S256" in methods,
        expected="S256, or nothing said",
        received="nothing said" if methods is None else ", ".join(methods) or "none",
    )
    if metadata.scopes is not None:
        unknown = sorted(set(setup.scopes) - set(metadata.scopes))
        received = "all" if not unknown else f"not {', '.join(unknown)}: its people may come without what that opens"
        trace.check("scopes", passed="openid" in metadata.scopes, expected=", ".join(setup.scopes), received=received)
    # A secret on the way in plain text is everybody's. Loopback is no way.
    plain = [url for url in (metadata.authorization_endpoint, metadata.token_endpoint) if url.startswith("http:")]
    trace.check(
        "transport",
        passed=True,
        expected="https",
        received=f"http: {', '.join(plain)}; never across a network" if plain else "https",
    )


def _cure(fault: ProviderFault) -> str:
    """What an operator can do about a fault."""
    said = str(fault)
    if "HTTP__ALLOW_PRIVATE" in said:
        return "If it is your own provider, name its host in HTTP__ALLOW_PRIVATE, or set it up in the settings."
    if "no address" in said or "no connection" in said or "within" in said:
        return "Is the address right, and can this machine reach it?"
    if "issuer: expected" in said:
        return "Enter the issuer as the document writes it, if that is the provider you mean."
    if "certificate" in said.lower():
        return "Its certificate must be valid for that name and by an authority that this machine trusts."
    if "redirect" in said:
        return "Enter the address to which it redirects."
    return "Open the address in a browser: it should show JSON."
