"""A browser is back from another provider: whom it brings, and where it goes on."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from app.brokering.admission import Admission, Arrival
from app.brokering.case import (
    CONFIRM_PATH,
    KIND,
    RESUME_PATH,
    Case,
    Failed,
    GoTo,
    Leave,
    Outcome,
    Purpose,
    Visit,
    Wanted,
)
from app.brokering.conclude import Conclusions
from app.brokering.exchange import CodeFor, ExchangeCodes
from app.brokering.failure import Failure, of_reason
from app.brokering.freshness import is_fresh, proven_at
from app.brokering.keeping import Sealing, identity_as_json
from app.brokering.turns import Crowded, Part, Turns
from app.federation.connector import Connection, FederatedIdentity
from app.federation.identities.decide import Reason
from app.federation.identities.service import Vouched
from app.federation.providers.service import IdentityProviders
from app.flows.errors import FlowOver
from app.flows.flow import Flow
from app.flows.service import Flows
from app.foundation.browser import BrowserSignIn
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.grants.by_cookie import BrowserCaller, BrowserInspection
from app.grants.mint import IssuedTokens
from app.hosted.begin import HostedFlow, SignInPages, SignInRequirements, path_of
from app.hosted.progress import Progress
from app.hosted.requirements import ClientShown
from app.lifecycle.provider_rights import ProviderRights
from app.login.errors import MFARequired
from app.login.federated import FederatedLogin, FederatedSignIn
from app.protocols.oauth.redirect_uri import origin_of_uri
from app.protocols.trace import Trace
from app.registration.verification import EmailVerification
from app.users.user import User

HOME = "/"


class Arrivals:
    """Takes federated sign-ins up where their browsers come back, and brings them to their end."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        flows: Flows,
        providers: IdentityProviders,
        admission: Admission,
        rights: ProviderRights,
        sign_in: FederatedSignIn,
        browsers: BrowserInspection,
        pages: SignInPages,
        codes: ExchangeCodes,
        verification: EmailVerification,
        sealing: Sealing,
        conclusions: Conclusions,
        turns: Turns,
    ) -> None:
        self._db = db
        self._clock = clock
        self._flows = flows
        self._providers = providers
        self._admission = admission
        self._rights = rights
        self._sign_in = sign_in
        self._browsers = browsers
        self._pages = pages
        self._codes = codes
        self._verification = verification
        self._sealing = sealing
        self._conclusions = conclusions
        self._turns = turns

    async def claim(self, flow_id: str, provider_id: str, visit: Visit, *, waits: bool = False) -> Case | Failed:
        """Take up the flow of a `state` that came back to a provider's address: once, and by its own browser.

        A state that was made for another provider ends its flow: its answer would be judged by the wrong one.
        Raises FlowOver, IdentityProviderNotFound, DatabaseUnavailable, and Crowded where its turn does not come in
        time, unless it `waits` for that however long. Spec: RFC 9700 §4.4, §4.7.
        """
        async with self._turns.take(Part.CLAIM, None if waits else visit.arrived_at):
            async with self._db.transaction() as tx:
                flow = await self._flows.take(tx, flow_id, KIND, visit.raw_browser)
                if "kept" not in flow.request:
                    raise FlowOver(detail="an answer to it was taken before")
                request = {name: value for name, value in flow.request.items() if name != "kept"}
                await self._flows.record(tx, flow.id, Trace(flow.checks), request=request)
            case = await self._case(flow)
        is_same = case.connection.id == provider_id
        if not case.trace.check("provider", is_same, expected=case.connection.id, received=provider_id):
            return await self.refuse(case, Failure.FORGED, visit)
        return case

    async def kept_of(self, flow_id: str, provider_id: str) -> Mapping[str, object]:
        """What a connector kept in a flow that is under way, whoever asks: nothing is claimed and nobody signed in.

        For answers that come without the browser's cookies. Raises FlowOver, FlowNotFound.
        """
        flow = await self._flows.explain(flow_id)
        is_open = flow.kind == KIND and flow.ended_at is None and flow.expires_at > self._clock.now()
        if not is_open or "kept" not in flow.request or flow.request["provider"] != provider_id:
            raise FlowOver(detail="not under way, or another provider's")
        return self._sealing.open(flow.id, flow.request["kept"])

    @staticmethod
    def unasked(connection: Connection) -> Case:
        """A sign-in that the provider has begun, where the connection allows that: it ends at the start page."""
        wanted = Wanted(purpose=Purpose.PAGES)
        return Case(flow_id=Flows.new_id(), connection=connection, wanted=wanted, trace=Trace(), is_kept=False)

    async def refuse(self, case: Case, failure: Failure, visit: Visit) -> Failed:
        """End a sign-in whose answer does not count, or did not come."""
        async with self._turns.take(Part.REFUSE):
            return await self._conclusions.refuse(case, failure, visit)

    async def arrive(self, case: Case, identity: FederatedIdentity, visit: Visit) -> Outcome:
        """Bring the sign-in of a verified identity to its end. Raises DatabaseUnavailable."""
        try:
            async with self._turns.take(Part.FINISH, visit.arrived_at):
                return await self._arrive(case, identity, visit)
        except Crowded:
            case.trace.check("turn", passed=False, expected="in time", received="too many sign-ins at this moment")
            return await self.refuse(case, Failure.CROWDED, visit)

    async def _arrive(self, case: Case, identity: FederatedIdentity, visit: Visit) -> Outcome:
        if not is_fresh(case, identity):
            return await self._conclusions.refuse(case, Failure.STALE, visit)
        if case.wanted.purpose is Purpose.LINK:
            return await self._to_confirmation(case, identity, visit)
        origin, locale, flow_id = visit.origin, visit.locale, case.flow_id
        arrival = Arrival(connection=case.connection, identity=identity, flow_id=flow_id, origin=origin, locale=locale)
        admitted = await self._admission.admit(arrival)
        if isinstance(admitted, Reason):
            return await self._turned_away(case, identity, admitted, visit)
        case.trace.check("account", passed=True, expected="an account that it opens", received=admitted.sub)
        await self._rights.refresh(case.connection, identity, admitted, case.trace, visit.origin)
        return await self._signed_in(case, identity, admitted, visit)

    async def resume(self, flow_id: str, visit: Visit) -> Outcome:
        """Go on to the app after the second factor. What happened in between is looked at anew.

        Raises FlowOver, DatabaseUnavailable.
        """
        async with self._db.transaction() as tx:
            flow = await self._flows.take(tx, flow_id, KIND, visit.raw_browser)
        since = flow.request.get("since")
        caller = None if visit.raw_session is None else await self._browsers.find_live(visit.raw_session)
        if since is None or caller is None or caller.sub != flow.subject:
            raise FlowOver(detail="nobody has signed in for it")
        if caller.context.auth_time < datetime.fromisoformat(since):
            raise FlowOver(detail="the session is older than the sign-in")
        connection = await self._providers.get(None, flow.request["provider"])
        wanted = Wanted.of(flow.request["wanted"])
        case = Case(flow_id=flow.id, connection=connection, wanted=wanted, trace=Trace(flow.checks))
        return await self._with_code(case, caller, visit, None)

    async def _case(self, flow: Flow) -> Case:
        case = Case(
            flow_id=flow.id,
            connection=await self._providers.get(None, flow.request["provider"]),
            wanted=Wanted.of(flow.request["wanted"]),
            trace=Trace(flow.checks),
            kept=self._sealing.open(flow.id, flow.request["kept"]),
        )
        case.trace.check("browser", passed=True, expected="the browser that began it", received="the same")
        return case

    async def _turned_away(self, case: Case, identity: FederatedIdentity, reason: Reason, visit: Visit) -> Failed:
        case.trace.check("account", passed=False, expected="an account that it opens", received=reason.value)
        if reason is Reason.UNCONFIRMED and identity.email is not None:
            # A link goes out where an account waits for it; nothing here tells whether one does.
            await self._verification.request(identity.email, visit.origin)
        return await self._conclusions.refuse(case, of_reason(reason), visit)

    async def _signed_in(self, case: Case, identity: FederatedIdentity, user: User, visit: Visit) -> Outcome:
        login = FederatedLogin(
            user=user,
            vouched=Vouched.by(identity),
            browser=BrowserSignIn(replaces=visit.raw_session, trusted=visit.trusted),
            acr=case.wanted.acr,
            proven_at=await self._proven_at(case, identity, user, visit),
        )
        began_at = self._clock.now()
        try:
            issued = await self._sign_in.go_on(login, visit.origin)
        except MFARequired as required:
            return await self._to_second_factor(case, user, required, visit, since=began_at.isoformat())
        if issued is None:
            return await self._turned_away(case, identity, Reason.INACTIVE, visit)
        if case.wanted.purpose is Purpose.RETURN:
            cookie = issued.session_cookie
            caller = None if cookie is None else await self._browsers.find_live(cookie.raw_value)
            if caller is None:
                return await self._turned_away(case, identity, Reason.INACTIVE, visit)
            return await self._with_code(case, caller, visit, issued)
        async with self._db.transaction() as tx:
            await self._conclusions.grant(tx, case, visit, subject=user.sub)
        flow = await self._pages_flow(case, visit)
        if flow is None:
            return GoTo(path=HOME, issued=issued, came_by=case.connection.id)
        await self._pages.keep(flow, visit.raw_sign_in, Progress(chosen=True, ui_locales=flow.progress.ui_locales))
        return GoTo(path=path_of(flow.id), issued=issued, came_by=case.connection.id)

    async def _proven_at(self, case: Case, identity: FederatedIdentity, user: User, visit: Visit) -> datetime | None:
        signed_in = None
        if identity.authenticated_at is None and visit.raw_session is not None:
            caller = await self._browsers.find_live(visit.raw_session)
            signed_in = caller if caller is not None and caller.sub == user.sub else None
        return proven_at(case, identity, signed_in, now=self._clock.now())

    async def _with_code(self, case: Case, caller: BrowserCaller, visit: Visit, issued: IssuedTokens | None) -> Leave:
        """Back to the app, with the code that it exchanges."""
        wanted = case.wanted
        what_for = CodeFor(
            client_id=wanted.client_id or "",
            session_id=caller.session_id,
            audience=wanted.audience or "",
            challenge=wanted.challenge or "",
            flow_id=case.flow_id,
        )
        async with self._db.transaction() as tx:
            # Of two who come at once, one gets a code.
            if case.is_kept:
                await self._flows.take(tx, case.flow_id, KIND, visit.raw_browser)
            raw_code = await self._codes.issue(tx, what_for)
            await self._conclusions.grant(tx, case, visit, subject=caller.sub)
        back = self._conclusions.answer(wanted, {"code": raw_code})
        return Leave(url=back, issued=issued, came_by=case.connection.id)

    async def _to_second_factor(
        self, case: Case, user: User, required: MFARequired, visit: Visit, *, since: str
    ) -> GoTo:
        """On to the pages, which ask for it and then send the browser where it wanted to go."""
        wanted = case.wanted
        flow = await self._pages_flow(case, visit)
        ui_locales = None if flow is None else flow.progress.ui_locales
        progress = Progress.paused(required.extensions, email=user.email, ui_locales=ui_locales)
        if flow is not None:
            async with self._db.transaction() as tx:
                await self._conclusions.grant(tx, case, visit, subject=user.sub)
            await self._pages.keep(flow, visit.raw_sign_in, progress)
            return GoTo(path=path_of(flow.id), came_by=case.connection.id)
        resume_at = HOME
        client = None
        if wanted.purpose is Purpose.RETURN:
            request: dict[str, object] = {
                "wanted": wanted.as_json(),
                "provider": case.connection.id,
                "since": since,
            }
            await self._conclusions.wait(case, visit, subject=user.sub, request=request)
            resume_at = f"{RESUME_PATH}?{urlencode({'flow': case.flow_id})}"
            client = ClientShown(name=wanted.client_name or "", redirect_origin=origin_of_uri(wanted.return_to or ""))
        else:
            async with self._db.transaction() as tx:
                await self._conclusions.grant(tx, case, visit, subject=user.sub)
        requirements = SignInRequirements(sub=user.sub, client=client)
        begun = await self._pages.start(visit.raw_sign_in, requirements, progress, resume_at=resume_at)
        return GoTo(path=path_of(begun.id), came_by=case.connection.id)

    async def _pages_flow(self, case: Case, visit: Visit) -> HostedFlow | None:
        pages = case.wanted.pages
        return None if pages is None else await self._pages.find(pages, visit.raw_sign_in)

    async def _to_confirmation(self, case: Case, identity: FederatedIdentity, visit: Visit) -> GoTo:
        """Ask the person whether this identity shall be theirs. Nothing is linked by coming here."""
        request: dict[str, object] = {
            "wanted": case.wanted.as_json(),
            "provider": case.connection.id,
            "identity": self._sealing.seal(case.flow_id, identity_as_json(identity)),
        }
        await self._conclusions.wait(case, visit, subject=case.wanted.sub or "", request=request)
        return GoTo(path=f"{CONFIRM_PATH}?{urlencode({'flow': case.flow_id})}")
