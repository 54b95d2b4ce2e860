"""A mail server that keeps what it is given, and a worker that delivers to it."""

import asyncio
import contextlib
import email
import email.policy
import re
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from app.foundation.mail.messages import MESSAGES
from app.foundation.mail.settings import SMTPSettings
from app.foundation.mail.transport import SMTPTransport
from app.wiring import Services
from app.worker import Worker

WAIT_SECONDS = 60.0
_LINK = re.compile(r"https?://\S+")
_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """A mail that arrived.

    `link` is its first address that carries `?token=` and is not the "this was not me" link, else its first address;
    `token` is that link's token. `wasnt_me_link` is the last address of a mail that has one. `code` is its six digits.
    """

    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def links(self) -> list[str]:
        return _LINK.findall(self.text)

    @property
    def link(self) -> str:
        return self.links[0]

    @property
    def token(self) -> str:
        return self.link.partition("token=")[2]

    @property
    def wasnt_me_link(self) -> str:
        return self.links[-1]

    @property
    def code(self) -> str:
        found = _CODE.findall(self.text)
        assert found, f"no code in: {self.text}"
        return found[0]

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")


class _Controller(Controller):
    """On a port that the system chooses, which the controller itself never asks for."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Sink:
    """A real mail server on loopback. `answer` may return another answer than 250 to a recipient's mail."""

    def __init__(self, **options: object) -> None:
        self.received: list[ReceivedMail] = []
        self.answer: Callable[[ReceivedMail], str] = lambda _: "250 OK"
        self._controller = _Controller(self, hostname="127.0.0.1", port=0, **options)

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:  # noqa: N802 — its name there
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail = ReceivedMail(envelope.rcpt_tos[0], message)
        answer = self.answer(mail)
        if answer.startswith("2"):
            self.received.append(mail)
        return answer

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        return self._controller.port

    @property
    def settings(self) -> SMTPSettings:
        return SMTPSettings(host="127.0.0.1", port=self.port)


class Mailbox:
    """What arrived at the sink while a worker of this process delivers what the services put into their outbox.

    ```python
    async def test_a_forgotten_password_is_set_anew(api, mailbox):
        await api.post("/auth/password/forgot", json={"email": "ann@example.com"})
        mail = await mailbox.wait_for(to="ann@example.com", template="password_reset")
        await api.post("/auth/password/reset", json={"token": mail.token, "new_password": "..."})
    ```

    `wait_for` takes the newest mail that was not waited for before; `mail.link`, `mail.token`, `mail.code`,
    `mail.wasnt_me_link`, `mail.subject`, `mail.text`, `mail.html` and `mail.message` (headers) tell the rest.
    `received` is everything so far. `assert await mailbox.settled() == []` says that nothing more is to come: it waits
    until the worker is idle and returns what nobody waited for.
    """

    def __init__(self, sink: Sink, services: Services) -> None:
        self.sink = sink
        self._services = services
        self._taken: list[ReceivedMail] = []

    @property
    def received(self) -> list[ReceivedMail]:
        return list(self.sink.received)

    async def wait_for(
        self, *, to: str | None = None, template: str | None = None, subject: str | None = None
    ) -> ReceivedMail:
        """The newest mail that fits and was not returned before; waits for it. In English, `template` is enough."""
        wanted = MESSAGES[template].subject if template is not None else subject
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for mail in reversed(self.sink.received):
                    if mail in self._taken or (to is not None and mail.to != to):
                        continue
                    if wanted is None or mail.subject == wanted:
                        self._taken.append(mail)
                        return mail
                await asyncio.sleep(0.02)

    async def settled(self, *, beside: Collection[str] = ()) -> list[ReceivedMail]:
        """Wait until the worker has nothing left to do; return what arrived and was not waited for.

        Mails of the templates `beside` are left out, such as the one that every sign-up sends.
        """
        async with asyncio.timeout(WAIT_SECONDS):
            while await self.unfinished():
                await asyncio.sleep(0.02)
        left_out = {MESSAGES[template].subject for template in beside}
        return [mail for mail in self.sink.received if mail not in self._taken and mail.subject not in left_out]

    async def unfinished(self) -> int:
        """How many events, jobs and mails the worker has still before it."""
        row = await self._services.db.fetchrow(
            "SELECT (SELECT count(*) FROM events WHERE status = 'pending') "
            "+ (SELECT count(*) FROM mails WHERE state = 'pending') + (SELECT count(*) FROM pgqueuer "
            "WHERE status = 'picked' OR (status = 'queued' AND execute_after <= now())) AS n"
        )
        return row["n"]

    async def pending(self) -> int:
        row = await self._services.db.fetchrow("SELECT count(*) AS n FROM mails WHERE state = 'pending'")
        return row["n"]


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[Worker]:
    """A worker at work for the length of the block."""
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def sink_running(**options: object):
    sink = Sink(**options)
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@contextlib.asynccontextmanager
async def mailbox_of(services: Services) -> AsyncIterator[Mailbox]:
    with sink_running() as sink:
        async with working(Worker(services, transport=SMTPTransport(sink.settings))):
            yield Mailbox(sink, services)
