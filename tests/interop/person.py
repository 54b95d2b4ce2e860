"""A person at a browser without JavaScript: signs in on the hosted pages, allows what an app asks, and follows."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

_MAX_STEPS = 16
_REDIRECTS = frozenset({302, 303})


@dataclass
class Form:
    """A form as a browser would send it. `buttons` are the values of each named button."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, list[str]] = field(default_factory=dict)


class Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(attributes.get("action", ""), attributes.get("method", "get").lower()))
            self._in_form = True
        elif tag in {"input", "button"} and self._in_form and attributes.get("name"):
            name, value = attributes["name"], attributes.get("value", "")
            if tag == "button":
                self.forms[-1].buttons.setdefault(name, []).append(value)
            else:
                self.forms[-1].fields.setdefault(name, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass(frozen=True)
class Arrival:
    """Where the browser is sent, away from the service: an address, and the fields of a form where one is posted."""

    url: str
    fields: dict[str, str] = field(default_factory=dict)


class Person:
    """One person with one browser, which keeps its cookies. `pressed` are the buttons of consent so far."""

    def __init__(self, issuer: str, email: str, password: str) -> None:
        self.issuer = issuer
        self.email = email
        self.password = password
        self.http = httpx2.AsyncClient(headers={"Accept": "text/html"})
        self.pressed: list[str] = []

    async def close(self) -> None:
        """Close the browser."""
        await self.http.aclose()

    async def visit(self, url: str, *, decision: str = "allow") -> Arrival:
        """Open an address of the service, do what its pages ask, and return where it sends the browser in the end."""
        answer = await self.http.get(url)
        for _ in range(_MAX_STEPS):
            if answer.status_code in _REDIRECTS:
                place = urljoin(str(answer.url), answer.headers["location"])
                if not self._is_ours(place):
                    return Arrival(place)
                answer = await self.http.get(place)
                continue
            form, page = self._form(answer), str(answer.url)
            target = urljoin(page, form.action or page)
            if not self._is_ours(target):
                return Arrival(target, form.fields)
            answer = await self.http.post(target, data=self._filled(form, decision), headers=self._own())
        raise AssertionError(f"the pages go on and on, now at {answer.url}")

    async def browse(self, url: str) -> httpx2.Response:
        """Open an address anywhere, go through the service's pages where it leads there; the page at the end."""
        for _ in range(_MAX_STEPS):
            answer = await self.http.get((await self.visit(url)).url if self._is_ours(url) else url)
            if answer.status_code not in _REDIRECTS:
                return answer
            url = urljoin(str(answer.url), answer.headers["location"])
        raise AssertionError(f"redirected on and on, now to {url}")

    def _own(self) -> dict[str, str]:
        return {"Origin": self.issuer, "Sec-Fetch-Site": "same-origin"}

    def _is_ours(self, url: str) -> bool:
        return url.startswith(f"{self.issuer}/")

    def _form(self, answer: httpx2.Response) -> Form:
        reading = Reading()
        reading.feed(answer.text)
        seen = " ".join(" ".join(reading.words).split())
        assert answer.status_code == 200, f"{answer.status_code} at {answer.url}: {seen}"
        forms = [form for form in reading.forms if form.method == "post" and not self._leads_elsewhere(form)]
        assert forms, f"no form at {answer.url}: {seen}"
        return forms[0]

    def _leads_elsewhere(self, form: Form) -> bool:
        """Whether it is another way to sign in than by a password."""
        return form.fields.get("step", "identify") not in {"identify", "password"}

    def _filled(self, form: Form, decision: str) -> dict[str, str]:
        filled = dict(form.fields)
        if form.fields.get("step") == "identify":
            filled["email"] = self.email
        if form.fields.get("step") == "password":
            filled["password"] = self.password
        if decision in form.buttons.get("decision", []):
            filled["decision"] = decision
            self.pressed.append(decision)
        return filled
