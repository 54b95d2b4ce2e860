"""One request of a browser that signs in: whose it is, how far it has come, and how its answers are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from app.factors.factor import FactorName
from app.factors.service import Factors
from app.foundation.caller import origin_of
from app.foundation.cookies import Cookies
from app.foundation.csrf import CSRF, FIELD, CSRFFailed
from app.foundation.db import Database
from app.foundation.errors import BadRequest, NotAuthenticated
from app.foundation.language import Language
from app.foundation.offers import Offers
from app.foundation.origin import Origin
from app.foundation.pages import Pages
from app.foundation.principal import Credentials, MissingToken, Principal, ResolverSlot
from app.foundation.provide import provided
from app.foundation.secrets import random_secret
from app.grants.answer import put_tokens
from app.grants.mint import IssuedTokens
from app.hosted.accounts import KnownAccount, KnownAccounts, is_same
from app.hosted.again import ways_again
from app.hosted.begin import LOGIN_PATH, SIGN_UP_PATH, HostedFlow, SignInPages, SignInRequirements, path_of
from app.hosted.faults import Fault, said
from app.hosted.progress import Progress, Screen, Standing, screen_of
from app.users.service import Users
from app.users.user import User

HOME = "/"
FLOW = "flow"
_COOKIE_CHARACTERS = 43

Service = TypeVar("Service")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who is signed in at this browser, and by what they could prove it again for this sign-in."""

    caller: Principal
    user: User
    ways: tuple[FactorName, ...]
    standing: Standing | None


@dataclass(slots=True, kw_only=True)
class Visit:
    """A request of the pages. Without a `flow` it is somebody who came by themselves."""

    request: Request
    raw_browser: str = field(repr=False)
    is_new: bool
    flow: HostedFlow | None
    signed_in: SignedIn | None

    def service(self, kind: type[Service]) -> Service:
        """A service of the process."""
        return provided(self.request.app, kind)

    @property
    def origin(self) -> Origin:
        """Where the request came from."""
        return origin_of(self.request)

    @property
    def is_lost(self) -> bool:
        """Whether the address names a sign-in that is over, or another browser's."""
        return self.flow is None and FLOW in self.request.query_params

    @property
    def requirements(self) -> SignInRequirements:
        """What is asked for; of whoever came by themselves, only which account."""
        return SignInRequirements(choose=True) if self.flow is None else self.flow.requirements

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return Progress() if self.flow is None else self.flow.progress

    @property
    def screen(self) -> Screen:
        """The page that comes next."""
        standing = None if self.signed_in is None else self.signed_in.standing
        choose = self.requirements.choose
        offered = choose and self.signed_in is None and bool(self.known)
        return screen_of(self.progress, standing, choose=choose, offered=offered)

    @property
    def known(self) -> tuple[KnownAccount, ...]:
        """The accounts that this browser was signed in to, the last used first."""
        return self.service(KnownAccounts).of(self.request, self.service(Cookies))

    @property
    def others(self) -> list[KnownAccount]:
        """Those of them that are not signed in now."""
        here = None if self.signed_in is None else self.signed_in.user.email
        return [account for account in self.known if here is None or not is_same(account.email, here)]

    @property
    def offers_mail(self) -> bool:
        """Whether a mail would reach anybody."""
        return self.service(Offers).mail

    @property
    def email(self) -> str:
        """Who signs in: what they typed, else who is signed in and must prove more."""
        typed = self.progress.email
        return typed if typed is not None else self.signed_in.user.email if self.signed_in is not None else ""

    def require_signed_in(self) -> SignedIn:
        """Who is signed in, on the pages that are for them alone. Raises MissingToken."""
        if self.signed_in is None:
            raise MissingToken(detail="a page for somebody who is signed in")
        return self.signed_in

    @property
    def language(self) -> Language:
        """The reader's language."""
        asked = self.progress.ui_locales or self.requirements.ui_locales
        return self.service(Pages).language(self.request, asked=asked)

    @property
    def here(self) -> str:
        """The path of this sign-in."""
        return LOGIN_PATH if self.flow is None else path_of(self.flow.id)

    def path_at(self, path: str) -> str:
        """Another path in this sign-in."""
        return path if self.flow is None else f"{path}?{urlencode({FLOW: self.flow.id})}"

    def link(self, path: str) -> str:
        """A path of the service as an address of its pages."""
        return self.service(Pages).link(path)

    @property
    def csrf_token(self) -> str:
        """What every form of this browser carries."""
        return self.service(CSRF).token(self.raw_browser)

    def require_own(self, fields: Mapping[str, str]) -> None:
        """Refuse a form without this browser's token. Raises CSRFFailed."""
        if self.is_new or not self.service(CSRF).matches(fields.get(FIELD, ""), self.raw_browser):
            raise CSRFFailed("Open the page again.", detail="CSRF token of a page")

    async def note(self, progress: Progress) -> None:
        """Keep how far it has come; whoever came by themselves gets a sign-in of their own now."""
        flows = self.service(SignInPages)
        if self.flow is None:
            empty = SignInRequirements()
            self.flow = await flows.start(self.raw_browser, empty, progress, resume_at=HOME)
        else:
            await flows.keep(self.flow, self.raw_browser, progress)
            self.flow = replace(self.flow, progress=progress)

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        fault: Fault | None = None,
        scripts: Sequence[str] = (),
        **values: object,
    ) -> Response:
        """A page of this sign-in. What a `fault` says stands beside the field, or above the form."""
        client = self.requirements.client
        words = "" if fault is None else said(fault, self.language)
        beside = fault is not None and fault.beside
        response = self.service(Pages).render(
            self.request,
            template,
            status=status if fault is None else fault.status,
            headers={"Cache-Control": "no-store", **({} if fault is None else fault.headers)},
            language=self.language,
            scripts=scripts,
            form_target=None if client is None else client.redirect_origin,
            at=None,
            client=client,
            error=words if beside else "",
            alarm="" if beside else words,
            # Not a fault of what was typed: it is announced calmly.
            calm=fault is not None and fault.wait_seconds > 0,
            csrf_token=self.csrf_token,
            here=self.here,
            mails=self.offers_mail,
            sign_up=self.path_at(SIGN_UP_PATH),
            **values,
        )
        if self.is_new:
            cookies = self.service(Cookies)
            cookies.put(response, cookies.sign_in, self.raw_browser, max_age_seconds=None)
        return response

    def go_on(self, path: str | None = None) -> Response:
        """Send the browser on by 303; to the next page of this sign-in where nothing is said."""
        return self.service(Pages).go_on(self.here if path is None else path)

    async def finish(self) -> Response:
        """Send the browser to where it shall go once it is signed in."""
        if self.flow is None:
            return self.go_on(HOME)
        await self.service(SignInPages).finish(self.flow, self.raw_browser)
        response = self.go_on(self.flow.resume_at)
        if self.signed_in is not None:
            accounts = self.service(KnownAccounts)
            accounts.remember(self.known, self.signed_in.user, response, self.service(Cookies))
        return response

    async def sign_in(self, issued: IssuedTokens, *, recovery_codes: tuple[str, ...] = ()) -> Response:
        """Give the browser its session and send it on."""
        was = self.progress
        done = Progress(chosen=True, ui_locales=was.ui_locales, recovery_codes=recovery_codes)
        await self.note(done)
        response = self.go_on()
        put_tokens(self.request, response, issued)
        return response


async def _visit(request: Request) -> Visit:
    cookies = provided(request.app, Cookies)
    held = cookies.find(request, cookies.sign_in)
    is_new = held is None or len(held) != _COOKIE_CHARACTERS
    raw_browser = random_secret() if held is None or is_new else held
    flow_id = request.query_params.get(FLOW)
    # A form comes from the browser that has the page, and so the cookie.
    is_found = flow_id is not None and not (is_new and request.method == "POST")
    flow = await provided(request.app, SignInPages).find(flow_id, raw_browser) if flow_id and is_found else None
    visit = Visit(request=request, raw_browser=raw_browser, is_new=is_new, flow=flow, signed_in=None)
    visit.signed_in = await _signed_in(request, visit.requirements)
    return visit


async def _signed_in(request: Request, requirements: SignInRequirements) -> SignedIn | None:
    credentials = Credentials(authorization=(), sessions=provided(request.app, Cookies).sessions(request))
    if credentials.cookie is None:
        return None
    try:
        caller = await provided(request.app, ResolverSlot).resolver.resolve(credentials, own_only=True)
    except (NotAuthenticated, BadRequest):
        return None
    async with provided(request.app, Database).transaction() as tx:
        user = await provided(request.app, Users).get(tx, caller.user_id)
        suffices = requirements.are_met(sub=caller.sub, auth_time=caller.auth_time, acr=caller.acr)
        enrolled = () if suffices else await provided(request.app, Factors).enrolled(tx, caller.user_id)
    ways = ways_again(enrolled, required=requirements.acr, held=caller.acr)
    is_meant = requirements.sub in (None, caller.sub)
    standing = Standing(suffices=suffices, renewable=bool(ways)) if is_meant else None
    return SignedIn(caller=caller, user=user, ways=ways, standing=standing)


ThisVisit = Annotated[Visit, Depends(_visit)]
"""The visit that a request is."""
