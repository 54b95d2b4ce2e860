"""`doctor` at the mail server, and the connection that it tries: real servers on loopback, with and without TLS."""

import ssl

import pytest
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from app.cli.diagnosis.finding import Result
from app.cli.diagnosis.mail import examine_mail
from app.foundation.mail.outbox import Mail
from app.foundation.mail.settings import SMTPSettings, TLSMode
from app.foundation.mail.transport import SMTPTransport
from app.settings import Environment, Settings
from app.worker import Worker
from tests.faults.proxies import make_certificate
from tests.mailbox import Mailbox, sink_running, working

WASNT_ME = "http://localhost:8000/wasnt-me?token=xyz"
RESET = {"url": "http://localhost:8000/r?token=abc", "expires_in": 900, "wasnt_me_url": WASNT_ME}
ACCOUNT = {"username": "auth", "password": SecretStr("over the wire")}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's TLS, and that of a client who trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "certificate.pem", folder / "key.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "certificate.pem"))


def knows(_server, _session, _envelope, _mechanism, given):
    return AuthResult(success=(given.login, given.password) == (b"auth", b"over the wire"), handled=False)


def strict(tls):
    """A mail server as they are: nothing without TLS, nothing without an account."""
    return sink_running(tls_context=tls, require_starttls=True, auth_required=True, authenticator=knows)


def with_smtp(settings: Settings, **smtp) -> Settings:
    return settings.model_copy(update={"smtp": SMTPSettings(**smtp)})


def starttls(sink, **more):
    return {"host": "localhost", "port": sink.port, "tls": TLSMode.STARTTLS, **more}


async def test_a_server_with_starttls_that_knows_the_account_is_well(settings, certificate):
    server, client = certificate
    with strict(server) as sink:
        finding = await examine_mail(with_smtp(settings, **starttls(sink, **ACCOUNT)), tls=client)
    assert finding.result is Result.OK
    assert finding.found == f"localhost:{sink.port} answers, TLS: starttls, signed in as auth"
    assert sink.received == []


async def test_a_wrong_password_is_told_without_it(settings, certificate):
    server, client = certificate
    wrong = {"username": "auth", "password": SecretStr("s3cret")}
    with strict(server) as sink:
        finding = await examine_mail(with_smtp(settings, **starttls(sink, **wrong)), tls=client)
    assert (finding.result, finding.cure) == (Result.FAULT, "Correct SMTP__USERNAME and SMTP__PASSWORD.")
    assert "refuses this account (535)" in finding.found
    assert "s3cret" not in str(finding)


async def test_a_certificate_that_nobody_vouches_for_is_told(settings, certificate):
    server, _ = certificate
    with strict(server) as sink:
        finding = await examine_mail(with_smtp(settings, **starttls(sink, **ACCOUNT)))
    assert finding.result is Result.FAULT
    assert "certificate that does not hold: self-signed certificate" in finding.found


async def test_a_server_without_starttls_is_told(settings):
    with sink_running() as sink:
        finding = await examine_mail(with_smtp(settings, **starttls(sink)))
    assert (finding.result, finding.found) == (Result.FAULT, f"localhost:{sink.port} does not offer STARTTLS.")


async def test_a_server_that_offers_no_accounts_is_told(settings):
    with sink_running() as sink:
        finding = await examine_mail(with_smtp(settings, host="127.0.0.1", port=sink.port, **ACCOUNT))
    assert (finding.result, finding.found) == (Result.FAULT, f"127.0.0.1:{sink.port} does not offer to sign in.")


@pytest.mark.parametrize("mode", [TLSMode.NONE, TLSMode.STARTTLS, TLSMode.IMPLICIT])
async def test_a_server_where_nothing_listens_is_told(settings, mode):
    with sink_running() as sink:
        port = sink.port
    finding = await examine_mail(with_smtp(settings, host="127.0.0.1", port=port, tls=mode))
    assert (finding.result, finding.found) == (Result.FAULT, f"127.0.0.1:{port} cannot be spoken with.")


async def test_tls_from_the_first_byte_where_the_server_speaks_plainly_is_told(settings):
    with sink_running() as sink:
        finding = await examine_mail(with_smtp(settings, host="127.0.0.1", port=sink.port, tls=TLSMode.IMPLICIT))
    assert finding.result is Result.FAULT
    assert "465" in finding.cure


async def test_no_mail_server_is_fine_in_development_and_a_warning_in_production(settings):
    development = settings.model_copy(update={"environment": Environment.DEVELOPMENT, "smtp": SMTPSettings()})
    production = settings.model_copy(update={"environment": Environment.PRODUCTION, "smtp": SMTPSettings()})
    assert (await examine_mail(development)).result is Result.OK
    finding = await examine_mail(production)
    assert finding.result is Result.WARNING
    assert "SMTP__HOST" in finding.cure


async def test_a_mail_to_an_address_beyond_ascii_is_delivered_under_tls_and_with_an_account(services, certificate):
    server, client = certificate
    with strict(server) as sink:
        transport = SMTPTransport(SMTPSettings(**starttls(sink, **ACCOUNT)), tls=client)
        async with working(Worker(services, transport=transport)):
            async with services.db.transaction() as tx:
                await services.outbox.put(tx, Mail(to="jörg@bücher.example", template="password_reset", values=RESET))
            mail = await Mailbox(sink, services).wait_for(to="jörg@xn--bcher-kva.example")
    assert mail.text.count("token=abc") == 1
    assert str(mail.message["To"]) == "jörg@xn--bcher-kva.example"
