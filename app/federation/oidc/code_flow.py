"""An OpenID provider's answer, judged from the address that the browser came to down to the last claim."""

from collections.abc import Mapping
from typing import Any

from app.federation.connector import Connection, FederatedIdentity, Refusal, SignInRefused
from app.federation.oidc.client_proof import ClientProof, Proving
from app.federation.oidc.documents import Documents
from app.federation.oidc.faults import EndpointGone, ProviderFault, refuse, require
from app.federation.oidc.identity import identity_of
from app.federation.oidc.reach import Named, Reach
from app.federation.oidc.redeem import Redeemed, redeem
from app.federation.oidc.setup import OIDCSetup
from app.federation.oidc.tokens import ID_TOKEN_TYPES, Signatures, Upstream, check_access_token
from app.federation.oidc.userinfo import Userinfo
from app.foundation.clock import Clock
from app.protocols.oidc.upstream_metadata import ProviderMetadata
from app.protocols.oidc.upstream_token import ExpectedToken, TokenRefused, check_id_token, printable, shown
from app.protocols.trace import Trace, masked

_MAX_CODE_CHARACTERS = 8192
_DECLINED = frozenset(
    {"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required"}
)
_LATER = frozenset({"server_error", "temporarily_unavailable"})


class CodeFlow:
    """Completes sign-ins at OpenID providers."""

    def __init__(self, reach: Reach, documents: Documents, signatures: Signatures, clock: Clock) -> None:
        self._reach = reach
        self._documents = documents
        self._signatures = signatures
        self._clock = clock
        self._userinfo = Userinfo(reach, signatures)

    async def metadata(self, setup: OIDCSetup, named: Named, trace: Trace) -> ProviderMetadata:
        """What the provider publishes, noted as a check. Raises SignInRefused."""
        expected = f"the metadata of {setup.issuer.name} at {setup.metadata_url}"
        try:
            metadata = await self._documents.metadata(setup, named)
        except ProviderFault as fault:
            raise refuse(trace, "discovery", fault, expected=expected) from fault
        trace.check("discovery", passed=True, expected=expected, received=metadata.issuer)
        return metadata

    async def complete(
        self, connection: Connection, setup: OIDCSetup, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        """Judge an answer. Raises SignInRefused."""
        named = Named(setup.hosts, connection.from_settings)
        same = kept.get("issuer") == setup.issuer.name
        received = shown(kept.get("issuer"))
        require(trace, "connection", same, refusal=Refusal.BROKEN, expected=setup.issuer.name, received=received)
        upstream = Upstream(setup=setup, metadata=await self.metadata(setup, named, trace), named=named)
        check_sender(upstream, answer, trace)
        code = code_in(answer, trace)
        redeemed = await self._redeemed(connection, upstream, kept, code, trace)
        claims = await self._claims(redeemed, upstream, kept, trace)
        _check_admitted(setup, claims, trace)
        claims = await self._userinfo.added_to(claims, redeemed.access_token, connection, upstream, trace)
        return identity_of(connection, setup, claims, refresh_token=redeemed.refresh_token)

    async def _claims(
        self, redeemed: Redeemed, upstream: Upstream, kept: Mapping[str, Any], trace: Trace
    ) -> Mapping[str, Any]:
        there = redeemed.id_token is not None
        received = "one" if there else "none"
        require(trace, "id_token", there, refusal=Refusal.BROKEN, expected="one beside the code", received=received)
        token = await self._signatures.verified(str(redeemed.id_token), upstream, trace, types=ID_TOKEN_TYPES)
        expected = ExpectedToken(
            issuer=upstream.setup.issuer,
            client_id=upstream.setup.client_id,
            nonce=str(kept["nonce"]),
            now=self._clock.now(),
            authenticated_since=kept.get("authenticated_since"),
        )
        try:
            check_id_token(token.claims, expected, trace)
        except TokenRefused as error:
            raise SignInRefused(Refusal.FORGED, str(error)) from error
        check_access_token(token, redeemed.access_token, trace)
        return token.claims

    async def _redeemed(
        self, connection: Connection, upstream: Upstream, kept: Mapping[str, Any], code: str, trace: Trace
    ) -> Redeemed:
        """Redeem the code, at the endpoint's new address where the known one is gone."""
        url = upstream.metadata.token_endpoint
        try:
            try:
                redeemed = await self._redeem(connection, upstream, url, kept, code)
            except EndpointGone:
                moved = await self._documents.moved(upstream.setup, upstream.named)
                if moved.token_endpoint == url:
                    raise
                url = moved.token_endpoint
                redeemed = await self._redeem(connection, upstream, url, kept, code)
        except ProviderFault as fault:
            raise refuse(trace, "token endpoint", fault, expected=f"200 with tokens, from {url}") from fault
        trace.check("token endpoint", passed=True, expected=f"200 with tokens, from {url}", received="200 with tokens")
        return redeemed

    async def _redeem(
        self, connection: Connection, upstream: Upstream, url: str, kept: Mapping[str, Any], code: str
    ) -> Redeemed:
        proving = Proving.at(upstream.setup, upstream.metadata, url, self._clock.now())
        proof = ClientProof.chosen(connection.secret, proving)
        return await redeem(
            self._reach,
            url,
            upstream.named,
            proof,
            code=code,
            verifier=str(kept["code_verifier"]),
            redirect_uri=connection.callback_url,
        )


def check_sender(upstream: Upstream, answer: Mapping[str, str], trace: Trace) -> None:
    """Judge `iss`: that the answer is from the provider that was asked. Spec: RFC 9207 §2.4. Raises SignInRefused."""
    received = answer.get("iss")
    expected = upstream.setup.issuer.name
    passed = upstream.setup.issuer.may_be(received) if received is not None else not upstream.metadata.announces_iss
    if not upstream.metadata.announces_iss:
        expected += ", or none"
    require(trace, "iss", passed, refusal=Refusal.FORGED, expected=expected, received=shown(received))


def code_in(answer: Mapping[str, str], trace: Trace) -> str:
    """The code of an answer. Raises SignInRefused for an error in its place."""
    error = answer.get("error")
    if error is not None:
        refusal = Refusal.CANCELLED if error in _DECLINED else Refusal.BROKEN
        if error in _LATER:
            refusal = Refusal.UNREACHABLE
        said = " ".join(part for part in (error, answer.get("error_description")) if part)
        trace.check("code", passed=False, expected="a code", received=f"the error {said}")
        raise SignInRefused(refusal, printable(f"the provider answers {said}"))
    code = answer.get("code", "")
    usable = 0 < len(code) <= _MAX_CODE_CHARACTERS and code.isprintable()
    require(
        trace,
        "code",
        usable,
        refusal=Refusal.BROKEN,
        expected="a code",
        received=masked(code) if usable else "no code that can be sent on",
    )
    return code


def _check_admitted(setup: OIDCSetup, claims: Mapping[str, Any], trace: Trace) -> None:
    """Judge `hd` and `tid` in what was signed: a parameter of the request is only a wish. Raises SignInRefused."""
    for claim, admitted in (("hd", setup.hosted_domains), ("tid", setup.tenants)):
        received = claims.get(claim)
        passed = not admitted or (isinstance(received, str) and received.lower() in admitted)
        if admitted:
            require(
                trace,
                f"id_token: {claim}",
                passed,
                refusal=Refusal.NOT_ALLOWED,
                expected=" or ".join(sorted(admitted)),
                received=shown(received),
            )
