"""The sign-in's address: GET shows the page that comes next, POST takes one step and sends the browser on by 303."""

from dataclasses import replace

from starlette.responses import Response

from app.foundation.form import read_form
from app.foundation.language import Languages
from app.foundation.pages import PageRouter
from app.hosted.begin import LOGIN_PATH, SignInPages
from app.hosted.screens import over, show
from app.hosted.steps import take
from app.hosted.visit import ThisVisit

router = PageRouter(visited=True)

RESUME = "resume"
"""In the query: go on with the newest sign-in of this browser, after a mail has led away from it."""


@router.get(LOGIN_PATH)
async def next_page(visit: ThisVisit) -> Response:
    """Show the page that comes next, or send the browser on where nothing more is needed."""
    if visit.is_lost:
        return over(visit)
    if visit.flow is None and RESUME in visit.request.query_params and not visit.is_new:
        return visit.go_on(await visit.service(SignInPages).newest(visit.raw_browser) or LOGIN_PATH)
    language = visit.service(Languages).find(visit.request.query_params.get("ui_locales"))
    if visit.flow is not None and language is not None and visit.progress.ui_locales != language.tag:
        await visit.note(replace(visit.progress, ui_locales=language.tag))
    return await show(visit)


@router.post(LOGIN_PATH)
async def take_step(visit: ThisVisit) -> Response:
    """Take the step of a form. A step that is refused shows its page again, and nothing of what was secret in it."""
    fields = await read_form(visit.request)
    visit.require_own(fields)
    if visit.is_lost:
        return over(visit)
    return await take(visit, fields)
