"""What every page carries, which forms act, and what a reader sees of a refusal."""

import html
import re
from typing import Annotated

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.foundation import failure_page, home, static
from app.foundation.client_address import ClientAddresses
from app.foundation.cors import CORS
from app.foundation.encryption import Keyring
from app.foundation.error_pages import ErrorPages
from app.foundation.errors import ServiceError, TooManyRequests, Unavailable
from app.foundation.failure_page import FailurePages
from app.foundation.form import read_form
from app.foundation.language import Languages
from app.foundation.middleware import EdgePolicy
from app.foundation.page_settings import PagesSettings
from app.foundation.pages import PageRouter, Pages
from app.foundation.problems import show_errors_by
from app.foundation.provide import install, provide
from app.foundation.theme import Theme
from app.main import Application
from tests.support import problem

pytestmark = pytest.mark.anyio

URL = "https://auth.example.com/id"
ORIGIN = "https://auth.example.com"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SECRET = "SELECT * FROM users -- /srv/app/secret.py"
FAULTS = {
    "unexpected": RuntimeError(SECRET),
    "of ours": ServiceError(detail=SECRET),
    "busy": Unavailable(detail=SECRET, retry_after_seconds=7),
    "too often": TooManyRequests(SECRET, retry_after_seconds=30),
}


@pytest.fixture(scope="module")
def pages() -> Pages:
    settings = PagesSettings(name="<Acme>", help_url="https://acme.example/help")
    return Pages(Languages(), settings, public_url=URL, theme=Theme.of(settings))


@pytest.fixture
async def reader(pages: Pages):
    """A browser's requests, as far as headers go, to an application with a form and some faults."""
    router = PageRouter(prefix="/things")

    @router.post("/act")
    async def act(request: Request) -> Response:
        return PlainTextResponse(repr(await read_form(request)))

    @router.get("/fault/{name}")
    async def fault(name: str, served: Annotated[Pages, provide(Pages)]) -> Response:
        assert served is pages
        raise FAULTS[name]

    policy = EdgePolicy(addresses=ClientAddresses([]), cors=CORS([]), https=True)
    app = Application(static.router, home.router, failure_page.router, router, policy=policy)
    failures = FailurePages(pages, Keyring([bytes(32)]))
    install(app, pages, failures)
    show_errors_by(app, ErrorPages(failures))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ORIGIN, headers=BROWSER) as client:
        yield client


@pytest.mark.attack("WEB-01")
@pytest.mark.parametrize("path", ["/", "/nowhere", "/docs", "/things/fault/unexpected", "/things/fault/busy"])
async def test_every_page_is_closed_to_what_is_foreign(reader, path):
    answer = await reader.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == policy["style-src"] == "'self'"
    assert not re.search(r"unsafe|\*|https?:", " ".join(policy.values()))
    if path != "/docs":
        assert policy["require-trusted-types-for"] == "'script'"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
    assert answer.headers["cache-control"] == "no-store"
    scripts = re.findall(r"<script[^>]*>", answer.text)
    nonce = policy.get("script-src", "").removeprefix("'nonce-").removesuffix("'")
    assert all(f'nonce="{nonce}"' in tag for tag in scripts)
    assert not re.search(r"<style|\sstyle=|\son\w+=", answer.text)
    loaded = re.findall(r'<(?:link|script|img|use)[^>]*?(?:href|src)="([^"]+)"', answer.text)
    assert loaded
    assert all(url.startswith("/id/static/") for url in loaded)


async def test_no_two_pages_share_a_nonce(reader):
    first, second = [(await reader.get("/nowhere")).headers["content-security-policy"] for _ in range(2)]
    assert first != second


async def test_what_the_deployment_calls_itself_is_escaped(reader):
    text = (await reader.get("/")).text
    assert "&lt;Acme&gt;" in text
    assert "<Acme>" not in text
    assert '<a href="https://acme.example/help">' in text
    assert "Privacy" not in text


@pytest.mark.attack("WEB-04")
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_tells_its_reader_a_reference_and_no_internals(reader, name, caplog):
    answer = await reader.get(f"/things/fault/{name}", headers={"Accept": "application/json"})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.status_code >= 429
    assert f"<code>{answer.headers['x-trace-id']}</code>" in answer.text
    for word in (SECRET, "SELECT", "secret.py", "Traceback", "RuntimeError", "fault/"):
        assert word not in answer.text
    assert answer.headers.get("retry-after") == {"busy": "7", "too often": "30"}.get(name)


@pytest.mark.attack("WEB-04")
async def test_a_page_does_not_repeat_the_path_that_was_asked_for(reader):
    answer = await reader.get("//evil.example/%3Cscript%3E?a=%22%3E%3Cscript%3E")
    assert answer.status_code == 404
    assert "evil.example" not in answer.text
    assert '"><script>' not in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html, application/json", "application/*+json", ""])
async def test_a_client_of_the_api_gets_a_problem_and_no_page(reader, accept):
    problem(await reader.get("/nowhere", headers={"Accept": accept}), 404, "not_found")


async def test_a_request_that_acts_gets_a_problem_save_on_the_routes_of_pages(reader):
    problem(await reader.post("/nowhere"), 404, "not_found")
    problem(await reader.post("/docs"), 405, "method_not_allowed")


async def test_a_form_of_our_own_page_acts(reader):
    form = {"name": "Ann & Bob", "empty": ""}
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": ORIGIN}):
        answer = await reader.post("/things/act", data=form, headers=headers)
        assert answer.text == repr(form)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://auth.example.com.evil.example"},
        {"Origin": "http://auth.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "none", "Origin": ORIGIN},
        {"Referer": f"{URL}/things"},
    ],
)
async def test_a_form_of_another_page_is_refused_in_words(reader, headers):
    answer = await reader.post("/things/act", data={"name": "Ann"}, headers=headers)
    assert answer.status_code == 403
    assert "We can’t tell that this form came from here" in answer.text


async def test_a_refused_form_is_told_again_in_another_language_and_not_sent_again(reader):
    answer = await reader.post("/things/act", data={"name": "Ann"}, headers={"Origin": "https://evil.example"})
    links = re.findall(r'<a href="([^"]+)" lang="de"', html.unescape(answer.text))
    (link,) = links
    assert link.startswith("/id/failed?said=")
    again = await reader.get(link.removeprefix("/id"))
    assert again.status_code == 200
    assert again.headers["content-language"] == "de"
    assert "dass dieses Formular von hier kam" in again.text
    assert f"<code>{answer.headers['x-trace-id']}</code>" in again.text
    # From there on, too, and in the dark.
    (further,) = re.findall(r'<a href="([^"]+)" lang="ar"', html.unescape(again.text))
    assert further.startswith("?said=")
    assert (await reader.get(f"/failed{further}")).headers["content-language"] == "ar"
    for forged in ("", "x", "AAAA", link.partition("said=")[2].partition("&")[0][:-6] + "AAAA%3D%3D"):
        assert (await reader.get(f"/failed?said={forged}")).status_code == 404


OURS = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"a=1&a=2", {}, 400),
        (b"a=%ff", {}, 400),
        (b"a=%00", {}, 400),
        (b"a\xff=1", {}, 400),
        (b"novalue", {}, 400),
        (b"&".join(b"f%d=1" % n for n in range(101)), {}, 400),
        (b'{"a": 1}', {"Content-Type": "application/json"}, 415),
        (b"a=1", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
async def test_a_form_that_is_not_right_is_refused(reader, body, headers, status):
    answer = await reader.post("/things/act", content=body, headers=OURS | headers)
    assert answer.status_code == status
    assert "We can’t go on with this" in answer.text


@pytest.mark.attack("WEB-03")
async def test_a_forwarded_scheme_or_host_changes_no_link_and_no_cookie(reader):
    lies = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "proto=http;host=evil.example",
    }
    answer = await reader.get("/nowhere?ui_locales=de&theme=dark", headers=lies)
    assert "http://" not in answer.text
    assert "evil.example" not in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert all({"Secure", "HttpOnly", "SameSite=lax", "Path=/id"} <= set(c.split("; ")) for c in cookies)
    assert "strict-transport-security" in answer.headers


async def test_an_unknown_language_or_appearance_is_not_kept(reader):
    answer = await reader.get("/?ui_locales=xx&theme=%22pink")
    assert "set-cookie" not in answer.headers
    assert "data-theme" not in answer.text


async def test_pages_stand_in_no_openapi_document(reader):
    assert (await reader.get("/openapi.json")).json()["paths"] == {}


@pytest.mark.parametrize("name", static.FILES)
async def test_a_file_may_be_kept_for_ever_because_its_address_holds_its_hash(reader, name):
    path = static.FILES[name].path
    answer = await reader.get(path)
    assert answer.content == (static.FOLDER / name).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
    assert (await reader.get(re.sub("[0-9a-f]{16}", "0" * 16, path))).status_code == 404


async def test_only_what_a_page_loads_is_served(reader):
    assert not [name for name in static.FILES if name.endswith((".txt", "LICENSE", "NOTICE"))]
    assert (await reader.get("/static/../main.py")).status_code == 404
