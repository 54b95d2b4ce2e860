"""What every middleware of this package does with a connection, whatever its credential is."""

from collections.abc import Iterable
from typing import Any, ClassVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth_service_sdk.errors import REFUSAL_KEY, AmbiguousCredentials, MissingCredential, Refusal
from auth_service_sdk.followers import Following
from auth_service_sdk.identity import Identity
from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.logs import PREFLIGHT, PUBLIC, context, note_refusal
from auth_service_sdk.public_paths import PublicPaths
from auth_service_sdk.refusals import POLICY_VIOLATION, Refusals
from auth_service_sdk.verifier import Expectations

ADMITTED_KEY = "auth_service_sdk.admitted"
"""Set in the scope by a guard that has accepted a credential, for the guards further in."""

TWO_CREDENTIALS = "Send one credential: an access token or an API key, not both."

_MAX_WRAPPERS = 64
"""Only a bound against a chain of middlewares that points back at itself."""


class Guard:
    """Pure ASGI middleware that lets through what carries a credential of its kind, and refuses the rest.

    Several kinds may stand on one application: the one nearest to it refuses a request without any credential, those
    further out pass such a request on. A request with credentials of two kinds is refused with 400.
    """

    kind: ClassVar[str] = ""
    # Where a guard leaves itself in the scope, for rules further in.
    scope_key: ClassVar[str] = ""

    def __init__(
        self,
        app: ASGIApp,
        *,
        public_paths: Iterable[str],
        lenient_paths: Iterable[str],
        expected: Expectations,
        following: Following,
        on_stale: str,
        realm: str,
    ) -> None:
        if on_stale not in ("strict", "lenient"):
            raise ValueError(f"on_stale must be 'strict' or 'lenient', got {on_stale!r}")
        self.app = app
        self.following = following
        self._is_strict = on_stale == "strict"
        self._lenient = PublicPaths(lenient_paths, name="lenient_paths")
        self.public = PublicPaths(public_paths)
        self.expected = expected
        self._refusals = Refusals(app, realm=realm)
        self._nearer: bool | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one connection."""
        kind = scope["type"]
        if kind == "http":
            outside = context.get()
            # What rules further in ask of this guard.
            scope[self.scope_key] = self
            try:
                if not self._known(scope):
                    await self._admit(scope)
                await self.app(scope, receive, send)
            except Refusal as error:
                # Also the refusals of `require_…` end here: they pass FastAPI's handlers, which know no challenge.
                note_refusal(error.code)
                await self._refusals.send(error, scope, receive, send)
            # Not after an exception: the server logs it in this very context, and shall say who was served.
            context.set(outside)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            async with self.following.lifespan():
                await self.app(scope, receive, send)
        else:
            raise ValueError(f"cannot guard a scope of type {kind!r}")

    async def confirm(self, scope: Scope) -> None:
        """Ask the service whether what let this connection in still counts. Raises Refusal."""
        raise NotImplementedError

    async def confirm_beyond(self, scope: Scope, staleness: float) -> None:
        """The same, unless all is known that was revoked until `staleness` seconds ago. Raises Refusal."""
        if not self.following.is_known_within(staleness):
            await self.confirm(scope)

    @property
    def foreign(self) -> tuple[OIDCIssuer, ...]:
        """The issuers besides auth-service whose tokens are accepted."""
        return ()

    @property
    def trusts_service(self) -> bool:
        """Whether tokens of auth-service are accepted."""
        return True

    def _known(self, scope: Scope) -> bool:
        """Set the user of a connection that needs no look at anything but memory; False for every other."""
        raise NotImplementedError

    async def _identify(self, scope: Scope) -> Identity:
        """Who asks. Raises Refusal; MissingCredential where nothing of this guard's kind came."""
        raise NotImplementedError

    def _carries(self, scope: Scope) -> bool:
        """Whether a credential of this kind came that no preflight carries, beside an Authorization header."""
        raise NotImplementedError

    @property
    def passes_on(self) -> bool:
        """Whether a guard of another kind stands between this one and the application, and so has the last word."""
        if self._nearer is None:
            # Not before the first request: the chain is still being built when this one is.
            self._nearer = inner_guard(self) is not None
        return self._nearer

    def _strictly(self, scope: Scope) -> bool:
        """Whether a connection is refused where nobody can tell what was revoked."""
        return self._is_strict and not self._lenient.allow(scope)

    def _admitted_by_another(self, scope: Scope) -> bool:
        """Whether a guard of another kind, further out, has accepted what came. One of the same kind counts not."""
        return bool(scope.get(ADMITTED_KEY, self.kind) != self.kind)

    async def _admit(self, scope: Scope) -> None:
        """Set the user of a connection that may go on. Raises Refusal for one that may not."""
        state = scope.setdefault("state", {})
        admitted = self._admitted_by_another(scope)
        if not admitted:
            state["user"] = None
            context.set(None)
        is_public = self.public.allow(scope)
        if not is_public and is_preflight(scope) and not self._carries(scope):
            context.set(PREFLIGHT)
            return
        try:
            identity = await self._identify(scope)
        except MissingCredential as error:
            if not admitted:
                self._without_credential(scope, error, is_public=is_public)
            return
        except Refusal as error:
            if not is_public or admitted:
                raise
            # Not a reason to close a public door; `require_user` gives it if the route asks who came.
            scope[REFUSAL_KEY] = error.with_traceback(None)
            context.set(PUBLIC)
            return
        if admitted:
            raise AmbiguousCredentials(TWO_CREDENTIALS)
        state["user"] = identity
        scope[ADMITTED_KEY] = self.kind
        context.set(identity)

    def _without_credential(self, scope: Scope, error: MissingCredential, *, is_public: bool) -> None:
        if is_public:
            scope.setdefault(REFUSAL_KEY, error.with_traceback(None))
            context.set(PUBLIC)
        elif not self.passes_on:
            raise error

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False
        outside = context.get()
        scope[self.scope_key] = self

        async def watch(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            if not self._known(scope):
                await self._admit(scope)
            await self.app(scope, receive, watch)
        except Refusal as error:
            note_refusal(error.code)
            if accepted:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": error.code})
            else:
                await self._refusals.send(error, scope, receive, send)
        context.set(outside)


def inner_guard(guard: Guard) -> Guard | None:
    """The guard of another kind that every connection meets after this one; None where none is known to.

    Middlewares keep what they wrap as `app`; behind one that does not, nothing is found, and `guard` refuses.
    """
    app: Any = guard.app
    for _ in range(_MAX_WRAPPERS):
        if app is None:
            return None
        if isinstance(app, Guard) and app.kind != guard.kind:
            return app
        app = getattr(app, "app", None) or getattr(app, "middleware_stack", None)
    return None


def is_preflight(scope: Scope) -> bool:
    """Whether this is a browser asking before a cross-origin request; it never carries a credential of its own."""
    if scope.get("method") != "OPTIONS":
        return False
    names = {name for name, value in scope["headers"] if value}
    return {b"origin", b"access-control-request-method"} <= names and b"authorization" not in names


def admitting_guard(scope: Scope) -> Guard | None:
    """The guard that has accepted the credential of a connection; None where none has."""
    kind = scope.get(ADMITTED_KEY)
    guards = (guard for guard in scope.values() if isinstance(guard, Guard))
    return next((guard for guard in guards if guard.kind == kind), None)
