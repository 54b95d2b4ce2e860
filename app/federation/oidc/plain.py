"""Sign-in by plain OAuth 2.0: who the person is, is asked for with the access token.

Nothing is signed. The code was redeemed at the operator's own address with our secret and our PKCE verifier, and the
callback address is this connection's alone, so that the answer is this provider's. Spec: RFC 9700 §4.4.2.2.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from app.federation.connector import Connection, FederatedIdentity, Refusal
from app.federation.oidc.client_proof import ClientProof, Proving
from app.federation.oidc.faults import ProviderFault, refuse, require
from app.federation.oidc.identity import email_in, text_in
from app.federation.oidc.plain_setup import PlainSetup
from app.federation.oidc.reach import Named, Reach, described, json_of, refusal_for
from app.federation.oidc.redeem import Redeemed, redeem
from app.foundation.clock import Clock
from app.foundation.http.outbound import Answer
from app.protocols.jose.compact import MalformedToken, read_list
from app.protocols.trace import Trace

_MAX_SUBJECT = 255
_MAX_EMAILS = 100


class PlainSignIn:
    """Completes a sign-in at a provider without ID tokens."""

    def __init__(self, reach: Reach, clock: Clock) -> None:
        self._reach = reach
        self._clock = clock

    async def complete(
        self, connection: Connection, setup: PlainSetup, kept: Mapping[str, Any], code: str, trace: Trace
    ) -> FederatedIdentity:
        """Redeem the code and ask who it is. Raises SignInRefused."""
        named = Named(setup.hosts, connection.from_settings)
        redeemed = await self._redeemed(connection, setup, kept, code, trace)
        try:
            profile = json_of(await self._get(setup.profile_endpoint, named, redeemed), setup.profile_endpoint)
        except ProviderFault as fault:
            raise refuse(trace, "profile", fault, expected=f"200 from {setup.profile_endpoint}") from fault
        subject = _subject(profile.get(setup.subject_member))
        require(
            trace,
            "profile: subject",
            subject is not None,
            refusal=Refusal.BROKEN,
            expected=f"a number or text as {setup.subject_member}",
            received=f"members {', '.join(sorted(profile))}" if subject is None else subject,
        )
        told = {name: profile.get(member) for name, member in setup.claims.items()}
        if setup.emails_endpoint is not None:
            told |= await self._primary(setup.emails_endpoint, named, redeemed, trace)
        email = email_in(told.get("email"))
        return FederatedIdentity(
            connection_id=connection.id,
            issuer=setup.issuer,
            subject=str(subject),
            email=email,
            email_verified=email is not None and told.get("email_verified") is True,
            name=text_in(told.get("name")),
            given_name=text_in(told.get("given_name")),
            family_name=text_in(told.get("family_name")),
            # Its word on the address counts by whatever name the profile has for it.
            claims=profile
            if told.get("email_verified") is None
            else {**profile, "email_verified": told["email_verified"]},
            refresh_token=redeemed.refresh_token if connection.policy.keeps_refresh_token else None,
        )

    async def _redeemed(
        self, connection: Connection, setup: PlainSetup, kept: Mapping[str, Any], code: str, trace: Trace
    ) -> Redeemed:
        url, named = setup.token_endpoint, Named(setup.hosts, connection.from_settings)
        expected = f"200 with an access token, from {url}"
        try:
            proof = ClientProof.chosen(connection.secret, Proving.plainly(setup, self._clock.now()))
            redeemed = await redeem(
                self._reach,
                url,
                named,
                proof,
                code=code,
                verifier=str(kept["code_verifier"]),
                redirect_uri=connection.callback_url,
            )
        except ProviderFault as fault:
            raise refuse(trace, "token endpoint", fault, expected=expected) from fault
        trace.check("token endpoint", passed=True, expected=expected, received="200 with an access token")
        return redeemed

    async def _primary(self, url: str, named: Named, redeemed: Redeemed, trace: Trace) -> Mapping[str, Any]:
        """The primary address, if it is verified; a list of objects with `email`, `primary` and `verified`."""
        expected = f"the primary address, verified, from {url}"
        try:
            answer = await self._get(url, named, redeemed)
            listed = _addresses(answer, url)
        except ProviderFault as fault:
            raise refuse(trace, "addresses", fault, expected=expected) from fault
        found = next(
            (entry for entry in listed if entry.get("primary") is True and entry.get("verified") is True), None
        )
        # Without the scope it is refused: a person without an address is a person still.
        received = "one" if found is not None else "none that is both" if listed else described(answer)
        trace.check("addresses", passed=True, expected=expected, received=received)
        return {} if found is None else {"email": found.get("email"), "email_verified": True}

    async def _get(self, url: str, named: Named, redeemed: Redeemed) -> Answer:
        headers = {"Authorization": f"Bearer {redeemed.access_token}"}
        return await self._reach.send("GET", url, named, purpose="oidc_userinfo", headers=headers)


def _addresses(answer: Answer, url: str) -> list[Mapping[str, Any]]:
    if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return []
    if answer.status != HTTPStatus.OK:
        raise ProviderFault(refusal_for(answer.status), f"{url} answers {described(answer)}")
    try:
        listed = read_list(answer.body)
    except MalformedToken as error:
        raise ProviderFault(Refusal.BROKEN, f"{url}: {error}") from error
    return [entry for entry in listed[:_MAX_EMAILS] if isinstance(entry, Mapping)]


def _subject(value: object) -> str | None:
    """A text, or a whole number as text: what the provider never gives to anybody else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    usable = isinstance(value, str) and 0 < len(value) <= _MAX_SUBJECT and value.isprintable()
    return str(value) if usable else None
