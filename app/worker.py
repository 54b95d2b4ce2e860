"""The worker: fans events out, delivers mail, and keeps the schedules. Any number may run."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from functools import partial

from app.audit import fanout
from app.audit.event import SYSTEM
from app.audit.events import MailUndeliverable
from app.audit.fanout import Fanout, Subscription
from app.audit.pending import sample_pending
from app.audit.service import AuditLog
from app.clients import jobs as clients
from app.foundation.background import Background
from app.foundation.db import Transaction
from app.foundation.discipline import keep_time
from app.foundation.errors import StartupRefused
from app.foundation.exposition import showing
from app.foundation.job_lag import sample_jobs
from app.foundation.jobs import HEARTBEAT_TIMEOUT, Jobs
from app.foundation.mail import delivery
from app.foundation.mail.delivery import DeadMail, MailDelivery
from app.foundation.mail.pending import sample_mails
from app.foundation.mail.transport import AbsentTransport, KeptTransport, SMTPTransport, Transport
from app.foundation.purge import PurgeBusy
from app.foundation.sampling import keep_sampling
from app.migrations.chain import newest_revision
from app.migrations.revision import schema_fault
from app.notices import jobs as notices
from app.notices.service import SecurityMails
from app.recovery import jobs as recovery
from app.registration import jobs as registration
from app.settings import Settings
from app.webhooks import jobs as webhooks
from app.webhooks.pending import sample_webhooks
from app.webhooks.settle import OUTAGE_FAILURES
from app.webhooks.sweep import sweep
from app.wiring import Services, build, startup_origin

_logger = logging.getLogger(__name__)


def subscriptions(services: Services) -> Sequence[Subscription]:
    """What every feature's `jobs.py` subscribes to."""
    mails = SecurityMails(
        services.db,
        users=services.users,
        links=services.links,
        wasnt_me=services.wasnt_me,
        outbox=services.outbox,
        providers=services.federation.providers,
    )
    return (
        *notices.subscriptions(mails),
        *registration.subscriptions(services.verification, services.email_change),
        *recovery.subscriptions(services.recovery),
        *webhooks.subscriptions(services.webhooks.notice),
        *clients.subscriptions(services.registry.logos),
    )


class Worker:
    """One worker on open services, which stay the caller's. `run` it; cancel it to end it.

    `transport` takes the place of the mail server in the settings, `subscribed` that of the features' subscriptions.
    """

    def __init__(
        self,
        services: Services,
        *,
        transport: Transport | None = None,
        subscribed: Sequence[Subscription] | None = None,
        heartbeat_timeout: timedelta = HEARTBEAT_TIMEOUT,
    ) -> None:
        self._services = services
        self._ending = asyncio.Event()
        self._transport = transport or transport_for(services.settings)
        self.fanout = Fanout(
            services.db,
            subscriptions(services) if subscribed is None else subscribed,
            collectors=[services.webhooks.collector.collect, services.registry.collector.collect],
        )
        self.mail = MailDelivery(
            services.db,
            services.clock,
            keyring=services.keyring,
            composer=services.composer,
            transport=self._transport,
            sender=sender_of(services.settings),
            on_dead=partial(_record_dead_mail, services.audit),
            keeps_sent=not services.settings.is_production,
        )
        self.jobs = Jobs(services.settings.database.url.get_secret_value(), heartbeat_timeout=heartbeat_timeout)
        self._join()

    def _join(self) -> None:
        self.jobs.handle(fanout.KIND, self.fanout.tell)
        self.jobs.feed(self.fanout.claim)
        self.jobs.handle(delivery.KIND, self.mail.deliver)
        self.jobs.feed(self.mail.claim)
        self.jobs.schedule("delete closed accounts", "*/10 * * * *", partial(_delete_closed, self._services))
        self.jobs.schedule("end old webhook deliveries", "*/5 * * * *", partial(_sweep, self._services))
        self.jobs.schedule("tell of sessions that ran out", "*/5 * * * *", partial(_tell_of_run_out, self._services))
        self.jobs.schedule("erase subjects", "* * * * *", partial(_erase_subjects, self._services))
        self.jobs.schedule("purge", "7 * * * *", self.purge)

    async def run(self) -> None:
        """Work until cancelled; what is in hand is finished first, save for a purge, which ends after its batch."""
        services = self._services
        runs = (self.jobs.run, services.webhooks.delivery.run, services.registry.delivery.run)
        work = [asyncio.create_task(run()) for run in runs]
        try:
            ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            self._ending.set()
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            await self._transport.close()

    async def purge(self) -> None:
        """Remove what is past use, unless somebody is at it; what is left is for the next time."""
        settings = self._services.settings.purge
        try:
            report = await self._services.purge.run(within=timedelta(minutes=settings.minutes), end=self._ending)
        except PurgeBusy:
            _logger.info("another process is purging")
            return
        if report.rows or report.dropped:
            fields = {"removed": report.removed, "dropped": report.dropped}
            _logger.info("%d rows and %d partitions purged", report.rows, len(report.dropped), extra=fields)


def transport_for(settings: Settings) -> Transport:
    """Where mails go by the settings."""
    if settings.smtp.host is not None:
        return SMTPTransport(settings.smtp)
    return AbsentTransport() if settings.is_production else KeptTransport()


def sender_of(settings: Settings) -> Address:
    """Whom mails are from."""
    if settings.smtp.from_ is None:
        return Address(username="no-reply", domain=settings.host)
    name, address = parseaddr(settings.smtp.from_)
    return Address(display_name=name, addr_spec=address)


async def work(settings: Settings) -> None:
    """Run one worker until SIGTERM or SIGINT. Raises StartupRefused, DatabaseUnavailable."""
    if settings.is_production and settings.smtp.host is None:
        _logger.warning("SMTP__HOST is not set: no mail is delivered")
    services = build(settings)
    background = Background()
    try:
        fault = await schema_fault(services.db, newest_revision())
        if fault is not None:
            raise StartupRefused(f"The worker cannot start: {fault}.")
        await services.open()
        worker = Worker(services)
        stopped = _signalled()
        background.start("clock", partial(keep_time, services.clock, services.db.time))
        background.start("jobs", worker.run, finishes=True)
        if settings.metrics.worker_port is not None:
            background.start("metrics", partial(_sample, services))
        with showing(settings.metrics.host, settings.metrics.worker_port, setting="METRICS__WORKER_PORT"):
            _logger.info("the worker is at work")
            await stopped.wait()
    finally:
        await background.stop()
        await services.close()


async def _sample(services: Services) -> None:
    """Keep the gauges fresh that are looked at instead of being told."""
    db, clock = services.db, services.clock
    waiting = [partial(sample_pending, db, clock), partial(sample_mails, db, clock), partial(sample_jobs, db)]
    hooks = partial(sample_webhooks, db, clock, outage_failures=OUTAGE_FAILURES)
    await keep_sampling([db.sample, *waiting, hooks])


def _signalled() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


async def _record_dead_mail(audit: AuditLog, tx: Transaction, dead: DeadMail) -> None:
    event = MailUndeliverable(
        actor=SYSTEM,
        origin=startup_origin(),
        mail_id=str(dead.id),
        template=dead.template,
        user_id=str(dead.user_id) if dead.user_id is not None else None,
        attempts=dead.attempts,
        reason=dead.reason,
    )
    await audit.record(tx, event)


async def _sweep(services: Services) -> None:
    ended = await sweep(services.db, services.clock)
    if ended:
        _logger.warning("%d webhook deliveries ended undelivered", ended)


async def _tell_of_run_out(services: Services) -> None:
    noticed = await services.registry.collector.collect_run_out()
    if noticed:
        _logger.info("%d clients are told of sessions that ran out", noticed)


async def _delete_closed(services: Services) -> None:
    deleted = await services.closing.delete_due(startup_origin())
    if deleted:
        _logger.info("%d closed accounts deleted", deleted)


async def _erase_subjects(services: Services) -> None:
    erased = await services.audit_erasure.erase_due(actor=SYSTEM, origin=startup_origin())
    if erased:
        _logger.info("%d subjects erased from the audit log", erased)
