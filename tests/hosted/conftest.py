"""A reader without JavaScript: follows links, fills in the forms that the pages hold, and keeps cookies."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest

from app.hosted.begin import SignInPages, SignInRequirements
from app.main import create_app
from app.wiring import Services
from tests.support import ISSUER


@dataclass
class Form:
    """A form as a browser would send it: its address, and its fields with what they hold."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.heading = ""
        self.words: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes["action"], attributes=attributes))
        elif tag in ("input", "button") and self.forms and attributes.get("name"):
            if attributes.get("type") == "checkbox" and "checked" not in attributes:
                return
            self.forms[-1].fields.setdefault(attributes["name"], attributes.get("value", ""))
        elif tag == "a":
            self.links.append(attributes.get("href", ""))
        if tag not in ("input", "meta", "link", "img", "br", "hr", "use", "path"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "h1" in self._inside:
            self.heading += data
        if "script" not in self._inside and "title" not in self._inside:
            self.words.append(data)


@dataclass
class Sheet:
    """A page that was read."""

    answer: httpx2.Response
    forms: list[Form]
    links: list[str]
    heading: str
    words: str

    def form(self, step: str) -> Form:
        return next(form for form in self.forms if form.fields.get("step") == step)


def read(answer: httpx2.Response) -> Sheet:
    reading = _Reading()
    reading.feed(answer.text)
    return Sheet(
        answer, reading.forms, reading.links, reading.heading.strip(), " ".join(" ".join(reading.words).split())
    )


class Surfer:
    """One browser. `at` is the page that it shows; `trail` every answer of its last move."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.at: Sheet
        self.trail: list[httpx2.Response] = []

    async def open(self, path: str, **headers: str) -> Sheet:
        self.trail = [await self.client.get(path, headers={"Accept": "text/html", **headers})]
        return await self._arrive()

    async def submit(self, step: str, **fields: str) -> Sheet:
        form = self.at.form(step)
        url = urljoin(str(self.at.answer.url), form.action)
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        self.trail = [await self.client.post(url, data={**form.fields, **fields}, headers=headers)]
        return await self._arrive()

    async def _arrive(self) -> Sheet:
        while self.trail[-1].status_code == 303:
            place = urljoin(str(self.trail[-1].url), self.trail[-1].headers["location"])
            if urlsplit(place)[:2] != urlsplit(str(self.client.base_url))[:2]:
                break
            if not path_of(place).startswith(("/login", "/signup")):
                break
            self.trail.append(await self.client.get(place, headers={"Accept": "text/html"}))
        self.at = read(self.trail[-1])
        return self.at

    @property
    def went_to(self) -> str:
        """Where the last answer sends the browser."""
        return self.trail[-1].headers.get("location", "")


class Surfers:
    """Opens browsers on one application, and begins sign-ins as another feature does."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._app = create_app(services=services)
        self.clients: list[httpx2.AsyncClient] = []

    def open(self) -> Surfer:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self._app), base_url=ISSUER)
        self.clients.append(client)
        return Surfer(client)

    async def begin(self, requirements: SignInRequirements | None = None, *, resume_at: str = "/resume?flow=f") -> str:
        pages: SignInPages = self._services.hosted.sign_in
        async with self._services.db.transaction() as tx:
            return await pages.begin(tx, requirements or SignInRequirements(), resume_at=resume_at)


@pytest.fixture
async def surfers(services: Services):
    """`surfers.open()` is a browser; `await surfers.begin(requirements)` a sign-in for it."""
    opened = Surfers(services)
    yield opened
    for client in opened.clients:
        await client.aclose()


def path_of(url: str) -> str:
    return urlsplit(url).path
