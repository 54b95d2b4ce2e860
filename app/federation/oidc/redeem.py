"""A code for tokens: the one request that every sign-in makes. Spec: RFC 6749 §4.1.3, §5; RFC 7636 §4.5."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from app.federation.connector import Refusal
from app.federation.oidc.client_proof import ClientProof
from app.federation.oidc.faults import EndpointGone, ProviderFault
from app.federation.oidc.reach import Named, Reach, described, json_of, refusal_for
from app.foundation.http.outbound import Answer
from app.protocols.jose.compact import MalformedToken, read_object

MAX_TOKEN_CHARACTERS = 65_536
_OF_THE_CODE = frozenset({"invalid_grant", "bad_verification_code"})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Redeemed:
    """What the code was worth."""

    access_token: str
    id_token: str | None
    refresh_token: str | None


async def redeem(
    reach: Reach, url: str, named: Named, proof: ClientProof, *, code: str, verifier: str, redirect_uri: str
) -> Redeemed:
    """Redeem a code. Raises EndpointGone, ProviderFault."""
    answer = await ask(reach, url, named, proof, code=code, verifier=verifier, redirect_uri=redirect_uri)
    error = error_of(answer)
    if answer.status in _GONE and error is None:
        raise EndpointGone(Refusal.BROKEN, f"{url} answers {answer.status}")
    if error is not None:
        refusal = Refusal.FORGED if error in _OF_THE_CODE else _refusal_of(answer)
        raise ProviderFault(refusal, f"{url} answers {described(answer)}")
    members = json_of(answer, url)
    access, id_token, refresh = (members.get(name) for name in ("access_token", "id_token", "refresh_token"))
    if not isinstance(access, str) or not _is_sendable(access):
        raise ProviderFault(Refusal.BROKEN, f"{url} answers without an access_token that can be used")
    if str(members.get("token_type", "")).lower() != "bearer":
        raise ProviderFault(Refusal.BROKEN, f"{url} gives tokens of the type {members.get('token_type')!r:.60}")
    return Redeemed(
        access_token=access,
        id_token=id_token if isinstance(id_token, str) else None,
        refresh_token=refresh if isinstance(refresh, str) and 0 < len(refresh) <= MAX_TOKEN_CHARACTERS else None,
    )


async def ask(
    reach: Reach, url: str, named: Named, proof: ClientProof, *, code: str, verifier: str, redirect_uri: str
) -> Answer:
    """Send the token request. Raises EndpointGone, ProviderFault."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
        **proof.fields(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", **proof.headers()}
    return await reach.send("POST", url, named, purpose="oidc_token", content=urlencode(form).encode(), headers=headers)


def error_of(answer: Answer) -> str | None:
    """The `error` that an answer names, whatever its status: GitHub's is 200."""
    try:
        error = read_object(answer.body).get("error")
    except MalformedToken:
        return None
    return error if isinstance(error, str) else None


def _refusal_of(answer: Answer) -> Refusal:
    """What an answer that names an error comes to."""
    return Refusal.BROKEN if answer.status == HTTPStatus.OK else refusal_for(answer.status)


def _is_sendable(token: str) -> bool:
    """Whether a token can stand in a header. Spec: RFC 6750 §2.1."""
    return 0 < len(token) <= MAX_TOKEN_CHARACTERS and all("!" <= character <= "~" for character in token)
