"""Pages for people: rendered in their language, under a policy that lets nothing in from elsewhere.

A page works without JavaScript. GET shows, POST acts, and a form that acts was sent by a page of ours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from jinja2 import ChoiceLoader, DictLoader
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.foundation.errors import Forbidden
from app.foundation.language import Language, Languages
from app.foundation.page_settings import PagesSettings
from app.foundation.provide import provided
from app.foundation.routing import Handler, Router, StrictRoute
from app.foundation.secrets import random_secret
from app.foundation.static import FILES
from app.foundation.templating import environments
from app.foundation.theme import Theme

TEMPLATES = Path(__file__).parents[1] / "templates"
OURS = "ours/"
THEMES = ("auto", "light", "dark")
LOCALE_COOKIE = "locale"
THEME_COOKIE = "theme"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# An origin, or the scheme of a native app with its colon. Spec: CSP3 §2.3.1.
_SOURCE = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"|(?!(?:https?|wss?|data|blob|file|filesystem|javascript|about):)[a-z][a-z0-9+.-]*:"
)
_YEAR_SECONDS = 31_536_000
_MAX_QUERY_FIELDS = 50


class ForeignForm(Forbidden):
    """The browser did not say that a page of ours sent this form. Spec: Fetch Metadata §2.4; RFC 6454 §7."""

    code, title = "foreign_form", "This form did not come from a page of ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every template knows as `page`: the deployment's name, addresses, and how the reader wants it."""

    name: str
    help_url: str | None
    privacy_url: str | None
    terms_url: str | None
    languages: Sequence[Language]
    theme: str | None
    style: str | None
    logo: str | None
    dark_logo: str | None
    nonce: str
    scripts: Sequence[str]
    prefix: str
    place: str
    query: Sequence[tuple[str, str]]

    def url(self, path: str) -> str:
        """A path of the service as a link."""
        return self.prefix + path

    def static(self, name: str) -> str:
        """Where a file of `app/static` is."""
        return self.prefix + FILES[name].path

    def here(self, **changed: str) -> str:
        """A link to this same page with other values in its query; the others stay."""
        # A path only where it is ours: one that somebody else wrote, such as //example.com, is never repeated.
        kept = [pair for pair in self.query if pair[0] not in changed]
        return f"{self.place}?{urlencode([*kept, *changed.items()])}"


class Pages:
    """Renders templates into answers. `templates` are the folders they are looked for in."""

    def __init__(
        self,
        languages: Languages,
        settings: PagesSettings,
        *,
        public_url: str,
        theme: Theme,
        templates: Sequence[Path] = (TEMPLATES,),
    ) -> None:
        parts = urlsplit(public_url)
        self._languages = languages
        self._settings = settings
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path
        self._secure = parts.scheme == "https"
        self._theme = theme
        folders = templates if settings.templates is None else (settings.templates, *templates)
        # What takes the place of a template of ours can still extend it.
        ours = DictLoader({f"{OURS}{name}": words for name, words in _sources(templates[-1]).items()})
        self._environments = environments(
            languages, ChoiceLoader([*(DictLoader(_sources(folder)) for folder in folders), ours])
        )

    def language(self, connection: HTTPConnection, *, asked: str | None = None, user: str | None = None) -> Language:
        """The language of this request's reader; `asked` is what the app wants, `user` what their account says."""
        return self._languages.negotiate(
            ui_locales=connection.query_params.get("ui_locales") or asked,
            user=user,
            cookie=connection.cookies.get(LOCALE_COOKIE),
            accept_language=connection.headers.get("accept-language"),
        )

    def render(
        self,
        connection: HTTPConnection,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        language: Language | None = None,
        scripts: Sequence[str] = (),
        form_target: str | None = None,
        at: str | None = None,
        **values: object,
    ) -> Response:
        """A template as an answer. `scripts` are modules of `app/static` that make it nicer, and never possible.

        `form_target` is the one foreign origin to which its forms may lead in the end. `at` is the path of ours, with
        its query, that the page's links to itself lead to where that is not the address asked for. A choice of
        language or appearance in the query is kept in a cookie.
        """
        chosen = language or self.language(connection)
        page = self._page(connection, scripts, at)
        words = self._environments[chosen.tag].get_template(template).render(page=page, **values)
        response = HTMLResponse(words, status_code=status, headers=dict(headers or {}))
        response.headers["Content-Language"] = chosen.tag
        self.protect(response, policy(page.nonce if scripts else None, form_target))
        self._remember(connection, response)
        return response

    def render_bare(self, connection: HTTPConnection, template: str) -> tuple[str, str]:
        """A template that is no page of this layout, in the source language, and the nonce of its scripts."""
        page = self._page(connection, ())
        tag = self._languages.source.tag
        return self._environments[tag].get_template(template).render(page=page), page.nonce

    def link(self, path: str) -> str:
        """A path of the service as a link of its pages."""
        return self._prefix + path

    def go_on(self, path: str) -> Response:
        """Send the browser to another page of ours after a form was acted on. Spec: RFC 9110 §15.4.4."""
        # A path alone: the reader stays at whatever name they know us by.
        return RedirectResponse(self._prefix + path, status_code=303)

    @staticmethod
    def protect(response: Response, content_security_policy: str) -> None:
        """Give an answer that a browser shows its headers; the edge adds those that every answer has."""
        response.headers["Content-Security-Policy"] = content_security_policy
        # Not no-referrer: under it a form of ours says `Origin: null`. No other site ever gets a referrer.
        response.headers["Referrer-Policy"] = "same-origin"

    def require_own_form(self, connection: HTTPConnection) -> None:
        """Refuse a form that no page of ours sent. Raises ForeignForm.

        No script can set Sec-Fetch-Site, and it does not depend on what the reader calls us. Browsers leave it out
        on plain http, save on loopback; there Origin decides. A program that says neither is no reader.
        """
        sites = connection.headers.getlist("sec-fetch-site")
        is_ours = sites == ["same-origin"] if sites else connection.headers.getlist("origin") == [self._origin]
        if not is_ours:
            raise ForeignForm(detail=f"Sec-Fetch-Site {sites}")

    def _page(self, connection: HTTPConnection, scripts: Sequence[str], at: str | None = None) -> Page:
        asked = connection.query_params.get("theme")
        theme = asked if asked in THEMES else connection.cookies.get(THEME_COOKIE)
        return Page(
            name=self._settings.name,
            help_url=self._settings.help_url,
            privacy_url=self._settings.privacy_url,
            terms_url=self._settings.terms_url,
            languages=tuple(self._languages),
            theme=theme if theme in ("light", "dark") else None,
            style=self._theme.style_path,
            logo=self._theme.logo_path(),
            dark_logo=self._theme.logo_path(dark=True),
            nonce=random_secret(),
            scripts=tuple(scripts),
            prefix=self._prefix,
            place="" if at is None else self._prefix + at.partition("?")[0],
            query=_query(connection.scope["query_string"].decode("latin-1") if at is None else at.partition("?")[2]),
        )

    def _remember(self, connection: HTTPConnection, response: Response) -> None:
        language = self._languages.find(connection.query_params.get("ui_locales"))
        if language is not None:
            self._keep(response, LOCALE_COOKIE, language.tag)
        theme = connection.query_params.get("theme")
        if theme in THEMES:
            self._keep(response, THEME_COOKIE, theme)

    def _keep(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name,
            value,
            max_age=_YEAR_SECONDS,
            path=self._prefix or "/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )


def policy(nonce: str | None, form_target: str | None = None) -> str:
    """The Content-Security-Policy of a page; its own scripts carry the nonce, and without one nothing runs.

    Browsers hold the redirects after a form to `form-action` too, hence `form_target`; what is no plain origin or
    scheme is left out, so that nobody writes another directive into it.
    """
    is_origin = form_target is not None and _SOURCE.fullmatch(form_target) is not None
    forms = f"'self' {form_target}" if is_origin else "'self'"
    script = f"script-src 'nonce-{nonce}'; connect-src 'self'; " if nonce is not None else ""
    return (
        f"default-src 'none'; {script}style-src 'self'; img-src 'self' data:; form-action {forms}; "
        "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


class PageRoute(StrictRoute):
    """A route whose refusals are pages, and which acts only on forms of ours."""

    def get_route_handler(self) -> Handler:
        """The handler behind the check of where a form comes from."""
        handle = super().get_route_handler()

        async def serve(request: Request) -> Response:
            request.scope["state"]["page"] = True
            if request.method not in SAFE_METHODS:
                provided(request.app, Pages).require_own_form(request)
            return await handle(request)

        return serve


class VisitedPageRoute(PageRoute):
    """A route to which apps send their people, also in a window that they open for it and wait for."""

    def get_route_handler(self) -> Handler:
        """The handler, whose answers leave the tie between the two windows whole."""
        return leaving_opener(super().get_route_handler())


def leaving_opener(handle: Handler) -> Handler:
    """Let the app that opened the window hear of it again when it is back at the app. Spec: HTML, §7.1.3.

    Each answer on the way has to say so. The app's window can close ours and read nothing in it.
    """

    async def serve(request: Request) -> Response:
        response = await handle(request)
        response.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
        return response

    return serve


class PageRouter(Router):
    """A feature's pages. They stand in no OpenAPI document. Forms are read by `form.read_form`."""

    def __init__(self, *, prefix: str = "", visited: bool = False) -> None:
        super().__init__(tags=["pages"], prefix=prefix)
        self.route_class = VisitedPageRoute if visited else PageRoute
        self.include_in_schema = False


@cache
def _sources(folder: Path) -> dict[str, str]:
    """Every template of a folder, read once, so that no request waits for a disk."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.html")}


def _query(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError:
        return []
