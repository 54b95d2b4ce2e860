"""A walk through every page by which people sign in and up, as one person's browser sees them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pyotp
from playwright.async_api import Page
from starlette.responses import Response

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.hosted.accounts import KnownAccount
from app.hosted.begin import ClientShown, SignInRequirements
from app.links.service import LinkKind
from app.protocols.assurance import ACR
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services, startup_origin
from tests.oauth.people_at_browsers import CALLBACK, VERIFIER, asked
from tests.support import PASSWORD

ROSA = "rosa@example.com"
APP = ClientShown(
    name="Parcel Lens",
    policy_uri="https://parcel-lens.example.com/privacy",
    tos_uri="https://parcel-lens.example.com/terms",
)
Seen = Callable[[str], Awaitable[None]]


class Walk:
    """One walk. `seen` is called at each page with its name."""

    def __init__(self, page: Page, site: str, services: Services, seen: Seen) -> None:
        self._page = page
        self._site = site
        self._services = services
        self._seen = seen
        self._email = ROSA

    async def __call__(self, name: str = "rosa") -> None:
        """Walk through all of them, as somebody of that name. What needs nobody signed in comes first."""
        self._email = f"{name}@example.com"
        await self.by_link()
        await self.first_factors()
        await self.signing_up()
        await self.second_factors()
        await self.signed_in()
        await self.authorizing()

    async def by_link(self) -> None:
        async with httpx2.AsyncClient(base_url=self._site) as client:
            body = {"email": self._email, "password": PASSWORD, "name": "Rosa Lind"}
            assert (await client.post("/auth/signup", json=body)).status_code in (201, 409)
        for name, path in (
            ("start", "/"),
            ("error", "/nowhere"),
            ("sign-in-over", "/login?flow=x"),
            ("password-sent", "/password/sent"),
            ("password-changed", "/password/changed"),
        ):
            await self.look(name, path)
        async with self._services.db.transaction() as tx:
            user = await self._services.users.find_by_email(tx, self._email)
            assert user is not None
            link = await self._services.links.issue(tx, LinkKind.RESET_PASSWORD, user.id, email=self._email)
        await self._page.goto(link)
        await self._seen("password-new")

    async def first_factors(self) -> None:
        page = self._page
        await self.begin(SignInRequirements(client=APP))
        await self._seen("sign-in")
        await page.fill("#email", "rosa")
        await page.evaluate("document.querySelector('form').noValidate = true")
        await self.press()
        await self._seen("sign-in-refused")
        await page.fill("#email", self._email)
        await self.press()
        await self._seen("password")
        await page.fill("#password", "not the password")
        await self.press()
        await self._seen("password-refused")
        await self.follow("way=passkey")
        await self._seen("passkey")
        await self.follow("way=password")
        await self.follow("way=forgot")
        await self._seen("forgot")
        await self.follow("way=password")
        await page.locator("form:has(input[value=mail]) button").click()
        await self._seen("mailed-code")

    async def signing_up(self) -> None:
        page = self._page
        await self.begin(SignInRequirements(client=APP))
        await page.locator("a[href*='/signup']").click()
        await self._seen("sign-up")
        await page.fill("#name", "Nina Berg")
        await page.fill("#email", "nina")
        await page.fill("#password", "password")
        await page.evaluate("document.querySelector('form').noValidate = true")
        await self.press()
        await self._seen("sign-up-refused")
        # Where an address must be confirmed first, this comes next; here it is looked at by its address.
        flow = page.url.partition("flow=")[2].partition("&")[0]
        await page.goto(f"{self._site}/login?flow={flow}")
        await page.fill("#email", f"new-{self._email}")
        await self.press()
        await self.look("sign-up-sent", f"/signup/sent?flow={flow}")

    async def second_factors(self) -> None:
        page = self._page
        await self.begin(SignInRequirements(client=APP, acr=ACR.AAL2))
        await page.fill("#email", self._email)
        await self.press()
        await page.fill("#password", PASSWORD)
        await self.press()
        await self._seen("enrol")
        await page.locator("form:has(input[value=totp]) button").click()
        await self._seen("enrol-app")
        secret = await page.locator("code.key").text_content()
        app = pyotp.TOTP(secret or "")
        await page.fill("#code", app.at(self._services.clock.now()))
        await self.press()
        await self._seen("recovery-codes")
        await page.context.clear_cookies(name="session")
        await self.begin(SignInRequirements(client=APP))
        await page.fill("#email", self._email)
        await self.press()
        await page.fill("#password", PASSWORD)
        await self.press()
        await self._seen("second-factor")
        await page.fill("#code", "000000")
        await self.press()
        await self._seen("second-factor-refused")
        await self.follow("way=recovery_code")
        await self._seen("recovery-code")
        await self.follow("way=totp")
        self._services.clock.offset += timedelta(seconds=30)
        await page.fill("#code", app.at(self._services.clock.now()))
        await self.press(to="**/resume")

    async def signed_in(self) -> None:
        page = self._page
        await self.remembering("nina.berg@example.com", "zeynep@example.com")
        await self.begin(SignInRequirements(client=APP, choose=True))
        await self._seen("choose-account")
        later = self._services.clock.now() + timedelta(seconds=1)
        await self.begin(SignInRequirements(client=APP, signed_in_after=later))
        await self._seen("again")
        await self.follow("way=password")
        await self._seen("again-by-password")
        await page.goto(f"{self._site}/")

    async def remembering(self, *emails: str) -> None:
        """Have the browser know more accounts, as after sign-ins by other people."""
        accounts = (KnownAccount(email=email, name=None) for email in emails)
        answer, cookies = Response(), self._services.cookies
        self._services.hosted.accounts.put(accounts, answer, cookies)
        value = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        await self._page.context.add_cookies([{"name": cookies.accounts, "value": value, "url": self._site}])

    async def authorizing(self) -> None:
        lens = await self.client("Parcel Lens", verified_publisher="Parcel Lens Ltd")
        chat = await self.client("Harbour Chat", backchannel_logout_uri="https://client.example.com/backchannel")
        scope = "openid profile email offline_access orders:read"
        await self.look("consent", f"/oauth/authorize?{urlencode(asked(lens, scope=scope))}")
        await self.allowing(lens)
        await self.look("consent-unverified", f"/oauth/authorize?{urlencode(asked(chat, scope='openid email'))}")
        await self.allowing(chat)
        await self.look("sign-out", "/oauth/logout")
        await self.press()
        await self._seen("signed-out")
        wrong = asked(lens, redirect_uri=f"{CALLBACK}/")
        await self.look("authorization-failed", f"/oauth/authorize?{urlencode(wrong)}")

    async def client(self, name: str, **stated: str) -> str:
        """Register an app that people are asked for consent by."""
        definition = ClientDefinition(
            name=name,
            grant_types=("authorization_code", "refresh_token"),
            redirect_uris=(CALLBACK,),
            auth_method=AuthMethod.NONE,
            targets={"orders-api": ("orders:read",)},
            client_uri="https://client.example.com",
            **stated,
        )
        async with self._services.db.transaction() as tx:
            made = await self._services.clients.create(tx, definition, actor=SYSTEM, origin=startup_origin())
        return made.client_id

    async def allowing(self, client_id: str) -> None:
        """Allow it with this browser's cookies, and let the app get its tokens; the browser stays where it is."""
        fields = {name: await self._page.input_value(f"input[name={name}]") for name in ("flow", "csrf_token")}
        jar = {cookie["name"]: cookie["value"] for cookie in await self._page.context.cookies(self._site)}
        headers = {"Origin": self._site, "Sec-Fetch-Site": "same-origin"}
        async with httpx2.AsyncClient(base_url=self._site, cookies=jar) as browser:
            back = await browser.post("/oauth/consent", data={**fields, "decision": "allow"}, headers=headers)
        form = {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(back.headers["location"]).query)["code"][0],
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": client_id,
        }
        async with httpx2.AsyncClient(base_url=self._site) as client:
            assert (await client.post("/oauth/token", data=form)).status_code == 200

    async def begin(self, requirements: SignInRequirements) -> None:
        """Open a sign-in as an app would have it."""
        async with self._services.db.transaction() as tx:
            path = await self._services.hosted.sign_in.begin(tx, requirements, resume_at="/resume")
        await self._page.goto(self._site + path)

    async def look(self, name: str, path: str) -> None:
        await self._page.goto(self._site + path)
        await self._seen(name)

    async def press(self, *, to: str | None = None) -> None:
        """Press the page's one primary button, and wait for what comes."""
        async with self._page.expect_navigation(url=to, wait_until="load"):
            await self._page.locator("main .btn-primary:visible").first.click()

    async def follow(self, part: str) -> None:
        async with self._page.expect_navigation(wait_until="load"):
            await self._page.locator(f"main a[href*='{part}']").first.click()
