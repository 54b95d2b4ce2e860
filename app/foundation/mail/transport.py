"""Handing a mail to the mail server: TLS, timeouts, and connections that are used again in a burst."""

import asyncio
import contextlib
import ssl
import time
from email.message import EmailMessage
from typing import Protocol

import aiosmtplib

from app.foundation.mail.settings import SMTPSettings, TLSMode

CONNECTIONS = 5
_IDLE_SECONDS = 5.0
# After a failed connection nobody else tries for so long: a server that is down is not asked by every mail.
_PAUSE_SECONDS = 1.0
_GONE = range(500, 600)


class DeliveryFailed(Exception):
    """The mail server did not take the mail. The message names the step and the server's code, and no address."""


class TriedLater(DeliveryFailed):
    """It may take the mail later."""


class Refused(DeliveryFailed):
    """It will never take this mail: it answered 5xx to the recipient or to the content. Spec: RFC 5321 §4.2.1."""


class Transport(Protocol):
    """Takes finished mails."""

    async def send(self, message: EmailMessage, *, recipient: str) -> None:
        """Hand over one mail. Raises TriedLater, Refused."""

    async def close(self) -> None:
        """Say goodbye."""


class KeptTransport:
    """Where `dev` has no mail server: the mail counts as sent, and /dev/mail shows it."""

    async def send(self, message: EmailMessage, *, recipient: str) -> None:
        """Nothing is left to do: the row keeps the mail."""

    async def close(self) -> None:
        """Nothing was opened."""


class AbsentTransport:
    """Where production has no mail server: mails wait, and end as undeliverable after a day."""

    async def send(self, message: EmailMessage, *, recipient: str) -> None:  # noqa: ARG002 — the protocol's
        """Refuse. Raises TriedLater."""
        raise TriedLater("SMTP__HOST is not set")

    async def close(self) -> None:
        """Nothing was opened."""


class SMTPTransport:
    """A few connections to the server of `SMTP__…`. `tls` replaces the system's certificate authorities."""

    def __init__(self, settings: SMTPSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._idle: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._asked_again_at = 0.0

    async def send(self, message: EmailMessage, *, recipient: str) -> None:
        """Hand over one mail. Raises TriedLater, Refused."""
        async with self._turns:
            connection = await self._connection()
            try:
                await connection.send_message(message, recipients=[recipient])
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                connection.close()
                raise _failure(error) from error
            except BaseException:
                connection.close()
                raise
            loop = asyncio.get_running_loop()
            self._idle[connection] = loop.call_later(_IDLE_SECONDS, self._let_go, connection)

    async def connect(self) -> aiosmtplib.SMTP:
        """A new connection: connected, greeted, under TLS and signed in. Raises what aiosmtplib raises, OSError."""
        given = self._settings
        client = aiosmtplib.SMTP(
            hostname=given.host,
            port=given.port,
            timeout=given.timeout_seconds,
            use_tls=given.tls_mode is TLSMode.IMPLICIT,
            # True requires it: the connection ends where the server does not offer it or shows a bad certificate.
            start_tls=given.tls_mode is TLSMode.STARTTLS,
            tls_context=self._tls,
        )
        try:
            await client.connect()
            if given.username is not None and given.password is not None:
                await client.login(given.username, given.password.get_secret_value())
        except BaseException:
            client.close()
            raise
        return client

    async def close(self) -> None:
        """Say goodbye on every idle connection."""
        idle, self._idle = self._idle, {}
        for connection, timer in idle.items():
            timer.cancel()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await connection.quit(timeout=1)
            connection.close()

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            try:
                # It shows that the server is still there, before anything hangs on its answer.
                await connection.rset()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                connection.close()
            else:
                return connection
        if time.monotonic() < self._asked_again_at:
            raise TriedLater("the mail server did not answer a moment ago")
        try:
            return await self.connect()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # Whatever goes wrong here is the set-up's fault or the server's, never the mail's.
            self._asked_again_at = time.monotonic() + _PAUSE_SECONDS
            raise TriedLater(f"connecting: {_name(error)}") from error

    def _let_go(self, connection: aiosmtplib.SMTP) -> None:
        if self._idle.pop(connection, None) is not None:
            connection.close()


def _failure(error: Exception) -> DeliveryFailed:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [refusal.code for refusal in error.recipients]
        return Refused(f"recipient: {codes[0]}") if all(code in _GONE for code in codes) else TriedLater("recipient")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return Refused("the server does not take addresses beyond ASCII")
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        # A fault of our set-up, which would end every mail there is; whoever mends it has a day.
        return TriedLater(f"sender: {error.code}")
    if isinstance(error, aiosmtplib.SMTPResponseException) and error.code in _GONE:
        return Refused(f"content: {error.code}")
    return TriedLater(_name(error))


def _name(error: Exception) -> str:
    """What went wrong, without the server's words: they may quote the address."""
    code = f" {error.code}" if isinstance(error, aiosmtplib.SMTPResponseException) else ""
    return f"{type(error).__name__}{code}"
