"""Judging what a known client asks for against its registration and the audiences."""

from dataclasses import dataclass
from datetime import datetime

from app.audiences.errors import InvalidTarget
from app.audiences.service import AudienceView
from app.clients.registered import RegisteredClient
from app.foundation.errors import ServiceError
from app.foundation.oauth_errors import OAuthError
from app.grants.errors import InvalidScope
from app.grants.targets import GrantTargets
from app.oauth.case import Case
from app.oauth.id_token_hint import IDTokenHints
from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.authorization_parameters import Parameters, ResponseTarget
from app.protocols.oauth.authorization_request import AuthorizationRequest, ClientRules, check_request
from app.protocols.oauth.registration import GrantType
from app.protocols.trace import Trace, masked


class RequestJudge:
    """The second stage: its refusals may go back to the client."""

    def __init__(self, targets: GrantTargets, hints: IDTokenHints) -> None:
        self._targets = targets
        self._hints = hints

    async def case(
        self,
        flow_id: str,
        client: RegisteredClient,
        parameters: Parameters,
        target: ResponseTarget,
        *,
        trace: Trace,
        opened_at: datetime,
    ) -> Case:
        """The case of a fresh request. Raises RequestRefused, DatabaseUnavailable."""
        request = check_request(parameters, _rules(client), trace)
        request = await self._with_hint(request, parameters.get("id_token_hint"), client, trace)
        draft = _Draft(flow_id=flow_id, client=client, target=target, trace=trace, opened_at=opened_at, is_kept=False)
        return await self._case(draft, request)

    async def restored(
        self,
        flow_id: str,
        client: RegisteredClient,
        request: AuthorizationRequest,
        target: ResponseTarget,
        *,
        trace: Trace,
        opened_at: datetime,
    ) -> Case:
        """The case of a request that was judged before, by what its client may do now. Raises as `case`."""
        may_ask = GrantType.AUTHORIZATION_CODE in client.grant_types
        if not trace.check("grant type", may_ask, expected="The client has the grant type authorization_code."):
            raise RequestRefused(AuthorizationError.UNAUTHORIZED_CLIENT, "The client may not ask for codes any more.")
        draft = _Draft(flow_id=flow_id, client=client, target=target, trace=trace, opened_at=opened_at, is_kept=True)
        return await self._case(draft, request)

    async def _case(self, draft: "_Draft", request: AuthorizationRequest) -> Case:
        client, trace = draft.client, draft.trace
        audience = await self._audience(client, request, trace)
        return Case(
            flow_id=draft.flow_id,
            client=client,
            request=request,
            target=draft.target,
            audience=audience,
            scopes=self._scopes(client, audience, request, trace),
            opened_at=draft.opened_at,
            trace=trace,
            is_kept=draft.is_kept,
            required_acr=audience.required_acr,
        )

    async def _audience(self, client: RegisteredClient, request: AuthorizationRequest, trace: Trace) -> AudienceView:
        resources = () if request.resource is None else (request.resource,)
        received = request.audience or request.resource
        expected = f"one of {', '.join(sorted(client.targets)) or 'none: this client has no audience'}"
        try:
            audience = await self._targets.of(client, audience=request.audience, resources=resources)
        except (InvalidTarget, OAuthError) as error:
            trace.check("audience", passed=False, expected=expected, received=received)
            raise RequestRefused(AuthorizationError.INVALID_TARGET, _words(error)) from error
        trace.check("audience", passed=True, expected=expected, received=received or audience.aud)
        return audience

    def _scopes(
        self, client: RegisteredClient, audience: AudienceView, request: AuthorizationRequest, trace: Trace
    ) -> tuple[str, ...]:
        received = None if request.scope is None else " ".join(request.scope)
        expected = "scopes of the person, or that the client holds at the audience"
        try:
            scopes = self._targets.scopes(client, audience, request.scope)
        except InvalidScope as error:
            trace.check("scope", passed=False, expected=expected, received=received)
            raise RequestRefused(AuthorizationError.INVALID_SCOPE, _words(error)) from error
        trace.check("scope", passed=True, expected=expected, received=received)
        return scopes

    async def _with_hint(
        self, request: AuthorizationRequest, raw_hint: str | None, client: RegisteredClient, trace: Trace
    ) -> AuthorizationRequest:
        """The request of the user whom the hint means. Spec: OpenID Connect Core §3.1.2.2."""
        if raw_hint is None:
            return request
        hint = await self._hints.read(raw_hint, client_id=client.client_id)
        agrees = hint is not None and request.sub in (None, hint.sub)
        expected = "an ID token that this service gave to this client, of the user that is meant"
        trace.check("id_token_hint", agrees, expected=expected, received=masked(raw_hint))
        if hint is None or not agrees:
            raise RequestRefused(AuthorizationError.INVALID_REQUEST, "id_token_hint is no ID token of this client's.")
        return AuthorizationRequest.of({**request.as_json(), "sub": hint.sub})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Draft:
    """What is known of a case before it is judged."""

    flow_id: str
    client: RegisteredClient
    target: ResponseTarget
    trace: Trace
    opened_at: datetime
    is_kept: bool


def _rules(client: RegisteredClient) -> ClientRules:
    return ClientRules(
        may_ask_for_codes=GrantType.AUTHORIZATION_CODE in client.grant_types,
        # No exemption for who cannot prove itself when it redeems the code. RFC 9700 §2.1.1.
        pkce_required=client.pkce_required or client.is_public,
        default_max_age=client.default_max_age,
    )


def _words(error: ServiceError) -> str:
    return error.description or error.title
