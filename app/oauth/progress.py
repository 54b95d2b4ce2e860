"""One step of an authorization: what comes next for the user, and doing it."""

from dataclasses import replace
from urllib.parse import urlencode

from app.audit.event import Actor, ActorKind
from app.consents.service import Consents
from app.flows.flow import Outcome as FlowOutcome
from app.foundation.db import Transaction
from app.grants.by_cookie import BrowserCaller, BrowserInspection
from app.grants.codes import AuthorizationCodes, CodeGrant
from app.hosted.begin import SignInPages
from app.hosted.requirements import ClientShown, SignInRequirements
from app.oauth.case import Answer, Case, GoTo, Outcome, Visit, signed_in
from app.oauth.conclude import Conclusions
from app.protocols.oauth.interaction import Interaction, SignInNeeds, needs_of, next_interaction
from app.protocols.oauth.redirect_uri import origin_of_uri

RESUME_PATH = "/oauth/authorize/resume"
CONSENT_PATH = "/oauth/consent"


class Progress:
    """Takes an authorization one step further, inside its caller's transaction."""

    def __init__(
        self,
        *,
        browsers: BrowserInspection,
        pages: SignInPages,
        consents: Consents,
        codes: AuthorizationCodes,
        conclusions: Conclusions,
    ) -> None:
        self._browsers = browsers
        self._pages = pages
        self._consents = consents
        self._codes = codes
        self._conclusions = conclusions

    async def caller(self, visit: Visit) -> BrowserCaller | None:
        """Who is signed in at the browser. Raises DatabaseUnavailable."""
        return None if visit.raw_session is None else await self._browsers.find_live(visit.raw_session)

    async def known_scopes(self, tx: Transaction, caller: BrowserCaller, client_id: str) -> frozenset[str]:
        """The scopes that the user agreed to before, as consents keep them."""
        consent = await self._consents.find(tx, caller.user_id, client_id)
        return frozenset() if consent is None else consent.scopes

    @staticmethod
    def leads_to_consent(outcome: Outcome) -> bool:
        """Whether the next thing is to ask the user."""
        return isinstance(outcome, GoTo) and outcome.path.startswith(f"{CONSENT_PATH}?")

    async def step(
        self, tx: Transaction, case: Case, caller: BrowserCaller | None, visit: Visit, *, has_just_agreed: bool = False
    ) -> Outcome:
        """What comes next. Raises RequestRefused, SessionOver, InsufficientAuthentication: then nothing was written."""
        consent = None if caller is None else await self._consents.find(tx, caller.user_id, case.client.client_id)
        request = case.request
        if has_just_agreed:
            request = replace(request, prompt=request.prompt - {"consent"})
        needs = needs_of(request, opened_at=case.opened_at, required_acr=case.required_acr)
        following = next_interaction(
            request,
            needs,
            signed_in(caller),
            has_chosen=case.has_chosen,
            has_agreed=has_just_agreed or case.is_agreed(consent),
            trace=case.trace,
        )
        if following is Interaction.SIGN_IN or caller is None:
            return await self._to_sign_in(tx, case, needs, visit)
        if following is Interaction.CONSENT:
            await self._conclusions.keep(tx, case, visit, subject=caller.sub)
            return GoTo(path=_at(CONSENT_PATH, case))
        if has_just_agreed:
            actor = Actor(ActorKind.USER, caller.sub)
            await self._consents.remember(
                tx,
                caller.user_id,
                case.client.client_id,
                scopes=case.allowance,
                claims=case.claims,
                actor=actor,
                origin=visit.origin,
            )
        return await self._with_code(tx, case, caller, visit)

    async def _to_sign_in(self, tx: Transaction, case: Case, needs: SignInNeeds, visit: Visit) -> Outcome:
        request, client = case.request, case.client
        asks_whose = "select_account" in request.prompt and not case.has_chosen
        requirements = SignInRequirements(
            acr=needs.acr,
            signed_in_after=needs.after,
            login_hint=request.login_hint,
            sub=needs.sub,
            ui_locales=request.ui_locales,
            choose=asks_whose,
            client=ClientShown(
                name=client.name,
                logo_path=client.logo_path,
                client_uri=client.client_uri,
                policy_uri=client.policy_uri,
                tos_uri=client.tos_uri,
                redirect_origin=origin_of_uri(case.target.redirect_uri),
            ),
        )
        await self._conclusions.keep(tx, replace(case, has_chosen=case.has_chosen or asks_whose), visit)
        return GoTo(path=await self._pages.begin(tx, requirements, resume_at=_at(RESUME_PATH, case)))

    async def _with_code(self, tx: Transaction, case: Case, caller: BrowserCaller, visit: Visit) -> Answer:
        grant = CodeGrant(
            client_id=case.client.client_id,
            session_id=caller.session_id,
            user_id=caller.user_id,
            redirect_uri=case.target.redirect_uri,
            redirect_uri_given=case.target.given,
            challenge=case.request.challenge,
            nonce=case.request.nonce,
            scope=case.scopes,
            audience=case.audience,
            claims=case.request.claims,
            flow_id=case.flow_id,
        )
        raw_code = await self._codes.issue(tx, grant)
        await self._conclusions.keep(tx, case, visit, subject=caller.sub, outcome=FlowOutcome.GRANTED)
        return self._conclusions.success(case.target, raw_code)


def _at(path: str, case: Case) -> str:
    return f"{path}?{urlencode({'flow': case.flow_id})}"
