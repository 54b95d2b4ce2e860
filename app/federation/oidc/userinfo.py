"""Asking a provider about the person once more, and laying that beside what it signed. Spec: OIDC Core §5.3."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any

from app.federation.connector import Connection, Refusal, SignInRefused
from app.federation.oidc.faults import ProviderFault, refuse, require
from app.federation.oidc.reach import Reach, described, json_of
from app.federation.oidc.setup import UserinfoUse
from app.federation.oidc.tokens import ID_TOKEN_TYPES, Signatures, Upstream
from app.protocols.oidc.upstream_token import TokenRefused, check_audience, check_issuer, shown
from app.protocols.trace import Trace

_NEVER_TAKEN = frozenset(
    {"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "sid", "auth_time", "acr", "amr", "tid", "hd"}
)
"""What speaks of the sign-in or of whose the person is: of that only the signed word counts."""


class Userinfo:
    """Asks the UserInfo endpoint. Its answer is for the person of the ID token, or for nobody."""

    def __init__(self, reach: Reach, signatures: Signatures) -> None:
        self._reach = reach
        self._signatures = signatures

    async def added_to(
        self, claims: Mapping[str, Any], access_token: str, connection: Connection, upstream: Upstream, trace: Trace
    ) -> Mapping[str, Any]:
        """The claims with what UserInfo adds, where it is asked at all. Raises SignInRefused."""
        url = upstream.metadata.userinfo_endpoint
        if url is None or not _is_asked(upstream.setup.userinfo, claims, connection):
            return claims
        expected = f"200 and what is known of the person, from {url}"
        try:
            told = await self._told(url, access_token, upstream, trace)
        except ProviderFault as fault:
            raise refuse(trace, "userinfo", fault, expected=expected) from fault
        trace.check("userinfo", passed=True, expected=expected, received=f"members {', '.join(sorted(told))}")
        same = told.get("sub") == claims["sub"]
        received = shown(told.get("sub"))
        # Else an access token of one person would bring the data of another. Spec: OpenID Connect Core §5.3.4.
        require(trace, "userinfo: sub", same, refusal=Refusal.FORGED, expected=str(claims["sub"]), received=received)
        return merged(claims, told)

    async def _told(self, url: str, access_token: str, upstream: Upstream, trace: Trace) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json, application/jwt"}
        answer = await self._reach.send("GET", url, upstream.named, purpose="oidc_userinfo", headers=headers)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/jwt":
            return json_of(answer, url)
        if answer.status != HTTPStatus.OK:
            raise ProviderFault(Refusal.BROKEN, f"{url} answers {described(answer)}")
        raw = answer.body.decode("ascii", errors="replace").strip()
        token = await self._signatures.verified(raw, upstream, trace, types=ID_TOKEN_TYPES, what="userinfo")
        try:
            # Signed answers are issued to somebody, like ID tokens. Spec: OpenID Connect Core §5.3.2.
            check_issuer(token.claims, upstream.setup.issuer, trace, what="userinfo")
            check_audience(token.claims, upstream.setup.client_id, trace, what="userinfo")
        except TokenRefused as error:
            raise SignInRefused(Refusal.FORGED, str(error)) from error
        return token.claims


def merged(signed: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was signed, and what was told beside it. Nothing that was signed gives way.

    An address and whether it is verified are one statement: they come from the same of the two, unless both name the
    same address.
    """
    members = {name: value for name, value in told.items() if name not in _NEVER_TAKEN}
    verification = ("email_verified", "xms_edov")
    if "email" in signed and signed["email"] != told.get("email"):
        members = {name: value for name, value in members.items() if name not in verification}
    own = dict(signed)
    if "email" not in signed:
        own = {name: value for name, value in own.items() if name not in verification}
    return {**members, **own}


def _is_asked(use: UserinfoUse, claims: Collection[str], connection: Connection) -> bool:
    if use is not UserinfoUse.AUTO:
        return use is UserinfoUse.ALWAYS
    # Names of claims may hold dots themselves, as those of Auth0 do.
    wanted = ("email", *(rule.claim for rule in connection.policy.rules))
    return not all(any(path == name or path.startswith(f"{name}.") for name in claims) for path in wanted)
