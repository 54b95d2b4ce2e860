"""`/auth/me`, `/auth/sessions` and signing out."""

from typing import Annotated
from uuid import UUID

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from app.account.export import AccountExport
from app.account.history import SignInHistory
from app.account.schemas import (
    ListedSessionBody,
    LogoutRequest,
    PasswordChangeRequest,
    Profile,
    ProfileChange,
    RestoreRequest,
    SessionPage,
    SignInBody,
    SignInPage,
)
from app.account.service import Account, Change
from app.foundation.body import MissingBody, read_value, validated
from app.foundation.caller import ActingCaller, Caller, RequestOrigin, caller_of, origin_of, refuse_forged
from app.foundation.clock import rfc3339
from app.foundation.cookies import Cookies
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide, provided
from app.foundation.routing import Router
from app.lifecycle.closing import AccountClosing
from app.sessions.listed import ListedSession

router = Router(tags=["account"])

OwnAccount = Annotated[Account, provide(Account)]
BrowserCookies = Annotated[Cookies, provide(Cookies)]


@router.get("/auth/me", summary="The caller's profile")
async def show(account: OwnAccount, caller: ActingCaller) -> Profile:
    """Who the token speaks for."""
    return Profile.of(await account.profile(caller))


@router.patch(
    "/auth/me",
    summary="Change the caller's profile",
    responses={202: {"model": Profile, "description": "Accepted; the new address waits for its confirmation"}},
)
async def change(
    body: ProfileChange, account: OwnAccount, caller: Caller, origin: RequestOrigin, response: Response
) -> Profile:
    """Change the name, where null takes it away, or the address, or both.

    A new address needs a sign-in within the last ten minutes (a setting). It is mailed a link, and the address of the
    account stays as it is until that was used; the present one is warned. The answer is the same whether the new
    address has an account or not.
    """
    named = body.model_fields_set
    wanted = Change(renames="name" in named, name=body.name, email=body.email if "email" in named else None)
    if wanted.email is not None:
        response.status_code = 202
    return Profile.of(await account.change(caller, wanted, origin))


@router.post("/auth/password/change", summary="Change the caller's password", status_code=204)
async def change_password(
    body: PasswordChangeRequest, account: OwnAccount, caller: Caller, origin: RequestOrigin
) -> None:
    """Set another password, given the present one. Needs a sign-in within the last ten minutes (a setting).

    Every other session ends, and the owner is told by mail.
    """
    await account.change_password(caller, body.current_password, body.new_password, origin)


@router.delete("/auth/me", summary="Close the caller's account", status_code=204)
async def delete(account: OwnAccount, caller: Caller, origin: RequestOrigin, cookies: BrowserCookies) -> Response:
    """Close the account and end every session. Needs a sign-in within the last ten minutes (a setting).

    It is deleted for good after a grace period (a setting, 14 days); a mail says when, and has the link that gives the
    account back until then.
    """
    await account.delete(caller, origin)
    return _without_cookies(caller, cookies)


@router.post("/auth/me/restore", summary="Take a closed account back", status_code=204)
async def restore(
    body: RestoreRequest, closing: Annotated[AccountClosing, provide(AccountClosing)], origin: RequestOrigin
) -> None:
    """The token is the mail's. Nobody is signed in by it."""
    await closing.restore(body.token, origin)


@router.get("/auth/me/sign-ins", summary="Sign-ins to the caller's account, and tries")
async def list_sign_ins(
    history: Annotated[SignInHistory, provide(SignInHistory)],
    caller: Caller,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> SignInPage:
    """Newest first, failed tries of anybody included, as far back as the audit log goes."""
    bound_to = ("sign-ins", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    before = None if position is None else UUID(position[0])
    rows = await history.list_own(caller, before=before, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return SignInPage(items=[SignInBody.of(row) for row in page.items], next=page.next)


@router.get("/auth/me/export", summary="Everything we hold on the caller", response_class=StreamingResponse)
async def export(
    exports: Annotated[AccountExport, provide(AccountExport)], caller: Caller, origin: RequestOrigin
) -> StreamingResponse:
    """One JSON document, sent as it is read. Needs a sign-in within the last ten minutes (a setting)."""
    headers = {"Content-Disposition": 'attachment; filename="account.json"', "Cache-Control": "no-store"}
    pieces = await exports.begin(caller, origin)
    return StreamingResponse(pieces, media_type="application/json", headers=headers)


@router.get("/auth/sessions", summary="The caller's sessions")
async def list_sessions(
    account: OwnAccount, caller: Caller, paging: Paging, cursors: Annotated[Cursors, provide(Cursors)]
) -> SessionPage:
    """Live sessions, newest first."""
    bound_to = ("sessions", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    after = None if position is None else UUID(position[0])
    rows = await account.sessions(caller, after=after, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return SessionPage(items=[_shown(row, caller) for row in page.items], next=page.next)


@router.delete("/auth/sessions/{session_id}", summary="End one of the caller's sessions", status_code=204)
async def end_session(session_id: UUID, account: OwnAccount, caller: Caller, origin: RequestOrigin) -> None:
    """End a session from the list; its tokens are refused from now on."""
    await account.end_session(caller, session_id, origin)


@router.hot(
    "POST",
    "/auth/logout",
    summary="Sign out",
    body=LogoutRequest,
    status=204,
    openapi_extra={"security": [{"bearer": []}]},
)
async def log_out(request: Request) -> Response:
    """End the session of this token or cookie, or with `everywhere` every session of its user.

    A token for another audience may end its own session and no other. A browser's cookies are taken away.
    """
    await refuse_forged(request)
    sent = await _sent(request)
    caller = await caller_of(request, own_only=False, acting=True)
    asked = LogoutRequest() if sent is None else validated(sent, LogoutRequest)
    await provided(request.app, Account).log_out(caller, everywhere=asked.everywhere, origin=origin_of(request))
    return _without_cookies(caller, provided(request.app, Cookies))


async def _sent(request: Request) -> object:
    """The JSON of the body; None where there is none."""
    try:
        return await read_value(request)
    except MissingBody:
        return None


def _without_cookies(caller: Principal, cookies: Cookies) -> Response:
    response = Response(status_code=204)
    if caller.browser:
        cookies.clear(response)
    return response


def _shown(session: ListedSession, caller: Principal) -> ListedSessionBody:
    return ListedSessionBody(
        id=str(session.id),
        current=session.sid == caller.sid,
        created_at=rfc3339(session.created_at),
        renewed_at=rfc3339(session.renewed_at),
        auth_time=rfc3339(session.auth_time),
        expires_at=rfc3339(session.expires_at),
        amr=list(session.amr),
        acr=session.acr,
        ip=session.ip,
        user_agent=session.user_agent,
        acts_for=session.acts_for,
    )
