"""The second stage of an authorization request's judgement: what it asks for. Failures may go back to the client.

Specs: RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2, RFC 9470 §4, RFC 9700 §2.1.1, OpenID Connect Core §3.1.2.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from app.protocols.assurance import ACR
from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.authorization_parameters import MAX_STATE_CHARACTERS, Parameters, ResponseMode
from app.protocols.oauth.claims_parameter import read_claims, wanted_subject, wish_of
from app.protocols.trace import Trace, masked

MAX_CHARACTERS = 512
MAX_HINT_CHARACTERS = 4096
MAX_SCOPES = 64
MAX_AGE_SECONDS = 10**9
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
RESPONSE_TYPE = "code"
CHALLENGE_METHOD = "S256"
# The digest of a verifier: 256 bits in unpadded base64url, whose last character carries four of them.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,10}")
_BY_REFERENCE_OR_SIGNED = (
    ("request", AuthorizationError.REQUEST_NOT_SUPPORTED),
    ("request_uri", AuthorizationError.REQUEST_URI_NOT_SUPPORTED),
    ("registration", AuthorizationError.REGISTRATION_NOT_SUPPORTED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRules:
    """What of a client's registration its requests are judged by."""

    may_ask_for_codes: bool
    pkce_required: bool = True
    default_max_age: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request whose parameters are right. Nothing in it says that anybody is signed in, or agrees.

    `scope` is None where none was asked for. `acr` is the least that satisfies `acr_values` or the claim `acr`;
    `acr_is_essential` that nothing less may be answered. `sub` is whom the client means, by its hint or its claims.
    """

    scope: tuple[str, ...] | None = None
    nonce: str | None = None
    challenge: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr: ACR | None = None
    acr_is_essential: bool = False
    claims: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    audience: str | None = None
    resource: str | None = None
    login_hint: str | None = None
    ui_locales: str | None = None
    sub: str | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes asked for."""
        return frozenset(self.scope or ())

    @property
    def speaks_oidc(self) -> bool:
        """Whether an ID token is wanted. Spec: OpenID Connect Core §3.1.2.1."""
        return "openid" in self.scopes

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept while its user is asked."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        kept |= {"scope": None if self.scope is None else list(self.scope), "prompt": sorted(self.prompt)}
        return kept | {"acr": None if self.acr is None else self.acr.value, "claims": dict(self.claims)}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "AuthorizationRequest":
        """The request that was kept in that form."""
        scope, acr = kept["scope"], kept["acr"]
        read = {"scope": None if scope is None else tuple(scope), "prompt": frozenset(kept["prompt"])}
        return cls(**{**kept, **read, "acr": None if acr is None else ACR(acr)})


def check_request(parameters: Parameters, client: ClientRules, trace: Trace) -> AuthorizationRequest:
    """Judge what a known client asks for. Raises RequestRefused at the first thing that is not right."""
    judge = _Judge(parameters, trace)
    judge.form()
    judge.kind(client)
    scope = judge.scope()
    challenge = judge.challenge(client)
    nonce = judge.nonce(required=challenge is None)
    prompt = judge.prompt()
    max_age = judge.max_age()
    claims = judge.claims()
    acr, essential = judge.acr(claims)
    audience, resource = judge.target()
    return AuthorizationRequest(
        scope=scope,
        nonce=nonce,
        challenge=challenge,
        prompt=prompt,
        max_age=client.default_max_age if max_age is None else max_age,
        acr=acr,
        acr_is_essential=essential,
        claims=claims,
        audience=audience,
        resource=resource,
        login_hint=judge.text("login_hint"),
        ui_locales=judge.text("ui_locales"),
        sub=wanted_subject(claims),
    )


class _Judge:
    def __init__(self, parameters: Parameters, trace: Trace) -> None:
        self._parameters = parameters
        self._trace = trace

    def _require(
        self,
        name: str,
        passed: bool,  # noqa: FBT001 — reads as a sentence
        words: str,
        *,
        error: AuthorizationError = AuthorizationError.INVALID_REQUEST,
        received: str | None = None,
    ) -> None:
        if not self._trace.check(name, passed, expected=words, received=received):
            raise RequestRefused(error, words)

    def form(self) -> None:
        """What holds for every parameter."""
        repeated = self._parameters.repeated
        words = "No parameter but resource stands there twice."
        self._require("parameters once", not repeated, words, received=", ".join(sorted(repeated))[:200] or None)
        state = self._parameters.get("state") or ""
        words = f"state has at most {MAX_STATE_CHARACTERS} characters."
        self._require("state", len(state) <= MAX_STATE_CHARACTERS, words, received=masked(state) if state else None)
        # Neither is read: what is signed elsewhere, or lies elsewhere, is no request here, and nothing is fetched.
        for name, error in _BY_REFERENCE_OR_SIGNED:
            absent = name not in self._parameters.single
            words = f"The parameter {name} is not supported: send each parameter by itself."
            self._require(name, absent, words, error=error, received=None if absent else "present")

    def kind(self, client: ClientRules) -> None:
        """Which answer is wanted, and how."""
        wanted = self._parameters.get("response_type")
        self._require("response_type present", wanted is not None, "The request needs response_type=code.")
        error = AuthorizationError.UNSUPPORTED_RESPONSE_TYPE
        words = "response_type is code: no token ever comes from this endpoint."
        self._require("response_type", wanted == RESPONSE_TYPE, words, error=error, received=wanted)
        mode = self._parameters.get("response_mode")
        words = "response_mode is query, fragment or form_post."
        self._require("response_mode", mode is None or mode in set(ResponseMode), words, received=mode)
        error = AuthorizationError.UNAUTHORIZED_CLIENT
        words = "The client has the grant type authorization_code."
        self._require("grant type", client.may_ask_for_codes, words, error=error)

    def scope(self) -> tuple[str, ...] | None:
        """The scopes, each once, in their order."""
        asked = self._parameters.get("scope")
        if asked is None:
            return None
        error = AuthorizationError.INVALID_SCOPE
        words = f"scope has at most {MAX_SCOPES} names of at most 64 characters, separated by single spaces."
        is_short = len(asked) <= MAX_SCOPES * 65
        names = tuple(dict.fromkeys(asked.split(" "))) if is_short else ()
        passed = 0 < len(names) <= MAX_SCOPES and all(_SCOPE_TOKEN.fullmatch(name) for name in names)
        self._require("scope syntax", passed, words, error=error, received=asked)
        return names

    def challenge(self, client: ClientRules) -> str | None:
        """The S256 challenge; None only for a client that is exempt by name and sent none."""
        challenge, method = self._parameters.get("code_challenge"), self._parameters.get("code_challenge_method")
        if challenge is None:
            words = "The request needs code_challenge (PKCE, RFC 7636)."
            # A method without a challenge is a request that lost half of itself.
            self._require("code_challenge", not client.pkce_required and method is None, words)
            return None
        words = "code_challenge_method is S256."
        self._require("code_challenge_method", method == CHALLENGE_METHOD, words, received=method)
        words = "code_challenge is a SHA-256 digest in base64url, 43 characters without padding."
        self._require("code_challenge", bool(_CHALLENGE.fullmatch(challenge)), words, received=masked(challenge))
        return challenge

    def nonce(self, *, required: bool) -> str | None:
        """The nonce, which a request without a challenge cannot do without."""
        nonce = self._parameters.get("nonce")
        if required:
            self._require("nonce present", nonce is not None, "A request without code_challenge needs nonce.")
        words = f"nonce has at most {MAX_CHARACTERS} characters."
        self._require("nonce", len(nonce or "") <= MAX_CHARACTERS, words, received=masked(nonce))
        return nonce

    def prompt(self) -> frozenset[str]:
        """What the user is to be asked."""
        asked = self._parameters.get("prompt")
        names = frozenset((asked or "").split())
        words = "prompt is login, consent, select_account, several of them, or none by itself."
        passed = names <= PROMPTS and ("none" not in names or len(names) == 1)
        self._require("prompt", passed, words, received=asked)
        return names

    def max_age(self) -> int | None:
        """How old a sign-in may be."""
        asked = self._parameters.get("max_age")
        if asked is None:
            return None
        passed = _SECONDS.fullmatch(asked) is not None and int(asked) <= MAX_AGE_SECONDS
        self._require("max_age", passed, "max_age is a whole number of seconds, 0 or more.", received=asked)
        return int(asked)

    def claims(self) -> Mapping[str, Any]:
        """The claims that are asked for one by one. Spec: OpenID Connect Core §5.5."""
        asked = self._parameters.get("claims")
        if asked is None:
            return MappingProxyType({})
        words = (
            "claims is a JSON object with id_token and userinfo, each an object of claims (OpenID Connect Core §5.5)."
        )
        found = read_claims(asked)
        self._require("claims", found is not None, words, received=f"{len(asked)} characters")
        return MappingProxyType(found or {})

    def acr(self, claims: Mapping[str, Any]) -> tuple[ACR | None, bool]:
        """The least level that satisfies, and whether less will not do. Levels that are not ours are voluntary."""
        wanted = wish_of(claims, "acr")
        named = [wanted["value"]] if "value" in wanted else list(wanted.get("values", ()))
        essential = bool(wanted.get("essential")) and bool(named)
        known = _known_levels(named)
        if essential:
            error = AuthorizationError.UNMET_AUTHENTICATION_REQUIREMENTS
            words = f"An essential acr is one of {', '.join(ACR)}."
            self._require("acr", bool(known), words, error=error, received=", ".join(map(str, named)))
        values = self.text("acr_values")
        known = known or _known_levels((values or "").split())
        return (known[0] if known else None), essential

    def target(self) -> tuple[str | None, str | None]:
        """The audience's name or its resource URI: one of both. Whether it is there is asked later."""
        audience, resources = self._parameters.get("audience"), self._parameters.resources
        words = "A code is for one audience: name one, by audience or by resource."
        passed = len(resources) + (audience is not None) <= 1
        received = ", ".join([*([audience] if audience else []), *resources])
        self._require("one audience", passed, words, error=AuthorizationError.INVALID_TARGET, received=received or None)
        return audience, resources[0] if resources else None

    def text(self, name: str) -> str | None:
        """A parameter that is free text, within bounds."""
        value = self._parameters.get(name)
        words = f"{name} has at most {MAX_CHARACTERS} characters."
        self._require(name, len(value or "") <= MAX_CHARACTERS, words, received=masked(value))
        return value


def _known_levels(names: list[Any]) -> list[ACR]:
    """Those that are ours, the least first: each of the values will do."""
    return [level for level in ACR if level.value in names]
