"""The mail server: whether it answers, protects the connection, and lets us sign in. Nothing is sent."""

import ssl

import aiosmtplib

from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.foundation.mail.settings import SMTPSettings, TLSMode
from app.foundation.mail.transport import SMTPTransport
from app.settings import Settings

_CHECK = "mail"
# Deliveries may wait longer; a look that takes a minute looks like one that hangs.
_SECONDS = 5.0


async def examine_mail(settings: Settings, *, tls: ssl.SSLContext | None = None) -> Finding:
    """Connect as the worker does, and say goodbye. `tls` replaces the system's certificate authorities."""
    smtp = settings.smtp
    if smtp.host is None:
        return _absent(settings)
    patient = smtp.model_copy(update={"timeout_seconds": min(smtp.timeout_seconds, _SECONDS)})
    try:
        connection = await SMTPTransport(patient, tls=tls).connect()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return _judged(smtp, error)
    connection.close()
    account = f", signed in as {smtp.username}" if smtp.username is not None else ""
    return ok(_CHECK, f"{_where(smtp)} answers, TLS: {smtp.tls_mode.value}{account}")


def _absent(settings: Settings) -> Finding:
    if not settings.is_production:
        return ok(_CHECK, "none: mails stay here, and /dev/mail shows them")
    found = "SMTP__HOST is not set: nobody gets a mail, and who forgets a password stays outside."
    return warning(_CHECK, found, "Set SMTP__HOST, SMTP__FROM and, if it wants one, an account: docs/mail.md.")


def _judged(smtp: SMTPSettings, error: Exception) -> Finding:
    """What went wrong in our words; the server's may hold anything."""
    where = _where(smtp)
    if (certificate := _certificate_fault(error)) is not None:
        cure = "Let SMTP__HOST be the name in its certificate, and have that signed by an authority this host trusts."
        return fault(_CHECK, f"{where} shows a certificate that does not hold: {certificate}.", cure)
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        found = f"{where} refuses this account ({error.code})."
        return fault(_CHECK, found, "Correct SMTP__USERNAME and SMTP__PASSWORD.")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        cure = "Ask whoever runs it: it may know only some senders, or be overloaded."
        return fault(_CHECK, f"{where} answers {error.code} before any mail.", cure)
    if isinstance(error, OSError):
        words = "does not answer in time" if isinstance(error, TimeoutError) else "cannot be spoken with"
        cure = "Start it, or correct SMTP__HOST and SMTP__PORT (465 means TLS at once); does a firewall stand between?"
        return fault(_CHECK, f"{where} {words}.", cure)
    return _lacking(smtp, str(error))


def _lacking(smtp: SMTPSettings, words: str) -> Finding:
    """The server does not offer what the settings ask for. `words` are the library's own."""
    if smtp.tls_mode is TLSMode.STARTTLS and "STARTTLS" in words:
        cure = "Use a port where it does (587), or 465 for TLS at once; SMTP__TLS=none only for a server beside us."
        return fault(_CHECK, f"{_where(smtp)} does not offer STARTTLS.", cure)
    cure = "Leave SMTP__USERNAME out, or use the port that is meant for clients with accounts (587 or 465)."
    return fault(_CHECK, f"{_where(smtp)} does not offer to sign in.", cure)


def _certificate_fault(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message or "it does not fit the name"
        error = error.__cause__
    return None


def _where(smtp: SMTPSettings) -> str:
    return f"{smtp.host}:{smtp.port}"
