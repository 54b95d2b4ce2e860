"""Builds the ASGI application: wiring, routers, the edge around them, and what runs beside the requests."""

import asyncio
import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Lifespan

from app.account import consents, identities, trusted
from app.account import pages as account_pages
from app.account import routes as account
from app.account.keys import routes as api_keys
from app.account.mfa import routes as second_factors
from app.admin import user_transfer
from app.admin.routers import ADMIN_ROUTERS
from app.audit.pending import sample_pending
from app.brokering.routers import BROKERING_ROUTERS
from app.brokering.saml.pages import ACS_BODY
from app.foundation import failure_page, home, static, style_page, theme
from app.foundation import health as health_routes
from app.foundation.background import Background
from app.foundation.client_address import ClientAddresses
from app.foundation.cors import CORS
from app.foundation.discipline import keep_time
from app.foundation.draining import STATE_KEY, Drain
from app.foundation.error_pages import ErrorPages
from app.foundation.health import Check, Health
from app.foundation.hot import HotPath
from app.foundation.job_lag import sample_jobs
from app.foundation.last_resort import LastResort
from app.foundation.logs import configure_logs
from app.foundation.mail import pages as mail_pages
from app.foundation.mail import routes as mail
from app.foundation.mail.pending import sample_mails
from app.foundation.middleware import Edge, EdgePolicy
from app.foundation.partitions import keep_partitions
from app.foundation.problems import REFUSALS, name_metadata, render_refusal, show_errors_by
from app.foundation.provide import install
from app.foundation.routing import HotEndpoint, Router
from app.foundation.sampling import keep_sampling
from app.foundation.settings import TelemetrySettings
from app.grants import routes as grants
from app.hosted import pages as hosted_pages
from app.hosted import sign_up as hosted_sign_up
from app.login import email_code_routes as email_codes
from app.login import password_grant
from app.login import routes as login
from app.migrations.chain import newest_revision
from app.migrations.revision import schema_fault
from app.oauth.paths import BROWSER_CLIENT_PATHS
from app.oauth.routers import OAUTH_ROUTERS
from app.principals import routes as principals
from app.recovery import pages as recovery_pages
from app.recovery import routes as recovery
from app.registration import pages as registration_pages
from app.registration import routes as registration
from app.revocation.follow import STALE_SECONDS
from app.revocation.pending import sample_feed
from app.settings import Settings, load_settings
from app.signals import routes as signals
from app.signing_keys import routes as signing_keys
from app.stepup import routes as stepup
from app.wiring import Services, build

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ROUTERS: tuple[Router, ...] = (
    health_routes.router,
    static.router,
    theme.router,
    home.router,
    failure_page.router,
    signing_keys.router,
    registration.router,
    registration_pages.router,
    recovery.router,
    recovery_pages.router,
    login.router,
    hosted_pages.router,
    hosted_sign_up.router,
    email_codes.router,
    grants.router,
    *BROKERING_ROUTERS,
    *OAUTH_ROUTERS,
    principals.router,
    signals.router,
    stepup.router,
    account.router,
    account_pages.router,
    consents.router,
    trusted.router,
    identities.router,
    api_keys.router,
    mail.router,
    mail_pages.router,
    second_factors.router,
    *ADMIN_ROUTERS,
)

_logger = logging.getLogger(__name__)


class Application(FastAPI):
    """FastAPI within the edge. Hot endpoints are found before it, and whatever breaks inside answers 500."""

    def __init__(
        self,
        *routers: Router,
        policy: EdgePolicy,
        lifespan: Lifespan["Application"] | None = None,
        spans: "TracerProvider | None" = None,
    ) -> None:
        super().__init__(
            title="Authentication service",
            lifespan=lifespan,
            # Both pages load scripts from elsewhere; ours is in `foundation.home`.
            docs_url=None,
            redoc_url=None,
            # A redirect would be built from the Host header, which anyone may write.
            redirect_slashes=False,
            telemetry={
                # Without a provider of ours nothing is made: one that was set up elsewhere would send secrets on.
                "tracing": spans is not None,
                "tracer_provider": spans,
                "operation_spans": False,
                "metrics": False,
                "logs": False,
                "auto_configure": False,
                "exclude": _is_probe,
            },
        )
        self._policy = policy
        self._hot: dict[tuple[str, str], HotEndpoint] = {}
        for router in routers:
            self.include_router(router)
            self._hot.update(router.hot_endpoints)

    def openapi(self) -> dict[str, Any]:
        """The document of the API."""
        if self.openapi_schema is None:
            password_grant.declare_password_flow(super().openapi())
        return super().openapi()

    def build_middleware_stack(self) -> ASGIApp:
        """The whole stack, outermost last. FastAPI's own error pages are left out."""
        handlers = dict.fromkeys(REFUSALS, render_refusal)
        inner = ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=handlers)
        return Edge(LastResort(HotPath(inner, self._hot, traced=self._policy.traced)), self._policy)


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    """Whether somebody asks after the process's health, of which nobody wants a trace."""
    return str(scope.get("path", "")).startswith("/health/")


def create_app(settings: Settings | None = None, *, services: Services | None = None) -> Application:
    """The service as an ASGI application.

    Without arguments it is the entry of a process: it reads the settings and sets up the log. Given `services`
    are the caller's to open and close; otherwise the application's lifespan does both. Raises SettingsError.
    """
    owned = services is None
    if services is None:
        services = build(settings or _settings_of_process())
    settings = services.settings
    spans = _spans(settings.telemetry)
    drain = Drain()
    background = Background()
    onlooker = Background()
    health = Health(_checks(services, background), drain)
    policy = EdgePolicy(
        addresses=ClientAddresses(settings.trusted_proxies),
        cors=CORS(settings.cors.origins, others=services.oauth.origins, shared_paths=BROWSER_CLIENT_PATHS),
        https=settings.public_url.startswith("https:"),
        drain=drain,
        traced=spans is not None,
        streamed=frozenset({("POST", user_transfer.IMPORT_PATH)}),
        large=(ACS_BODY,),
    )

    @asynccontextmanager
    async def lifespan(_: Application) -> AsyncIterator[dict[str, object]]:
        if owned:
            await services.open()
        _start(background, services)
        if settings.metrics.port is not None:
            onlooker.start("metrics", partial(_sample, services, health))
        try:
            yield {STATE_KEY: drain}
        finally:
            await onlooker.stop()
            await background.stop()
            if spans is not None:
                # It sends the last spans, and waits for the collector meanwhile.
                await asyncio.to_thread(spans.shutdown)
            if owned:
                await services.close()

    optional = (password_grant.router,) if settings.serves_password_form else ()
    development = () if settings.is_production else (style_page.router,)
    app = Application(*ROUTERS, *optional, *development, policy=policy, lifespan=lifespan, spans=spans)
    install(app, *services.each(), health, drain)
    show_errors_by(app, ErrorPages(services.hosted.failures))
    name_metadata(app, services.registry.resource.metadata_address)
    return app


def _spans(telemetry: TelemetrySettings) -> "TracerProvider | None":
    if telemetry.otlp_endpoint is None:
        return None
    # Imported where it is wanted: what sends spans costs a start half a second.
    from app.foundation.spans import tracer_provider  # noqa: PLC0415

    return tracer_provider(telemetry, version=version("auth-service"))


def _settings_of_process() -> Settings:
    warnings: list[str] = []
    settings = load_settings(warn=warnings.append)
    configure_logs(development=not settings.is_production)
    for warning in warnings:
        _logger.warning("%s", warning)
    return settings


def _start(background: Background, services: Services) -> None:
    background.start("clock", partial(keep_time, services.clock, services.db.time))
    background.start("signing keys", services.keys.poll)
    background.start("audiences", services.audiences.follow)
    background.start("roles", services.roles.follow)
    background.start("origins of clients", services.oauth.origins.follow)
    background.start("revocations", services.feed.run)
    background.start("followers", services.batches.run)
    background.start("uses of API keys", services.api_keys.uses.keep)
    if services.anchors.are_set_up:
        background.start("audit anchors", partial(services.anchors.keep, lambda: services.feed.publisher.leads))
    background.start("cache", services.cache.watch)
    if services.cache.exists:
        background.start("wake-up", services.wake.hear)
        background.start("filter of revocations", services.filter_keeper.run)
    background.start("partitions", partial(keep_partitions, services.db, services.clock))


async def _sample(services: Services, health: Health) -> None:
    """Keep the gauges fresh that are looked at instead of being told."""
    db, clock = services.db, services.clock
    # Looked at here too: what waits for a worker must be seen where none runs.
    waiting = [partial(sample_pending, db, clock), partial(sample_mails, db, clock), partial(sample_jobs, db)]
    feed = partial(sample_feed, db, clock, services.follower)
    await keep_sampling([db.sample, health.sample, feed, *waiting])


def _checks(services: Services, background: Background) -> list[Check]:
    """What `/health/ready` looks at."""
    newest = newest_revision()

    async def database() -> str | None:
        await services.db.time()
        return None

    async def clock() -> str | None:
        return None if services.clock.is_trustworthy else "more than 10 seconds off the database's clock"

    async def keys() -> str | None:
        return None if services.keys.is_ready else "no signing key"

    async def work() -> str | None:
        return f"ended unexpectedly: {', '.join(background.broken)}" if background.broken else None

    async def cache() -> str | None:
        await services.cache.ping()
        return None

    async def revocations() -> str | None:
        age = services.follower.age_seconds
        # Where nothing was ever heard, the database is away, or nobody started it.
        return None if age is None or age < STALE_SECONDS else f"has heard of none for {age:.0f} seconds"

    checks = [
        Check("database", database, essential=True),
        Check("schema", partial(schema_fault, services.db, newest), essential=True),
        Check("clock", clock, essential=True),
        Check("signing_keys", keys, essential=True),
        Check("background", work, essential=True),
        Check("revocations", revocations),
    ]
    return [*checks, Check("cache", cache)] if services.cache.exists else checks
