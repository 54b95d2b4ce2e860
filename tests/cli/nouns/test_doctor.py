"""`doctor`: it finds what is wrong, names the cure, and never breaks down itself."""

import asyncio
import base64
import contextlib
import http.server
import json
import os
import threading

import asyncpg
import pytest

from app.foundation.settings import is_loopback
from tests.cli.nouns.test_purge import statement as sql


class JWKS(http.server.BaseHTTPRequestHandler):
    """Answers as `/.well-known/jwks.json` does."""

    status, body = 200, b""

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def issuer(*, kids=(), status=200, body=None):
    answer = json.dumps({"keys": [{"kid": kid} for kid in kids]}).encode() if body is None else body
    handler = type("Handler", (JWKS,), {"status": status, "body": answer})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def examined(run, monkeypatch):
    """The findings of one look, by check."""

    def examine(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        answer = run("doctor", "--json")
        assert answer.err == ""
        report = json.loads(answer.out)
        assert answer.code == (0 if report["ok"] else 1)
        for finding in report["checks"]:
            assert finding["cure"] or finding["result"] in {"ok", "skipped"}
        return report["checks"]

    return examine


@pytest.fixture
def kids(run):
    return [key["kid"] for key in run("keys", "list", "--json").json()]


def of(findings, check):
    return [finding for finding in findings if finding["check"] == check]


def faults(findings):
    return {finding["check"] for finding in findings if finding["result"] == "fault"}


def test_a_sound_deployment_has_no_fault(examined, kids, run, settings):
    with issuer(kids=kids) as url:
        findings = examined(PUBLIC_URL=url, REDIS__URL=settings.redis.url.get_secret_value())
        assert faults(findings) == set()
        names = [finding["check"] for finding in findings]
        assert names == [
            "settings",
            "secret files",
            "database",
            "schema",
            "clock",
            "cache",
            "signing keys",
            "publishing",
            "hashing",
            "mail",
            "issuer",
        ]
        answer = run("doctor")
        assert (answer.code, answer.err) == (0, "")
        assert answer.out.endswith("\nNo fault.\n")


def test_every_wrong_setting_is_told_with_an_example(examined):
    findings = examined(PUBLIC_URL="https://auth.example.com/", JWT__ACCESS_TOKEN_SECONDS="soon")
    told = of(findings, "settings")
    assert [finding["found"].partition(":")[0] for finding in told] == ["PUBLIC_URL", "JWT__ACCESS_TOKEN_SECONDS"]
    assert told[0]["cure"] == "For example: PUBLIC_URL=https://auth.example.com"
    # The database is looked at nevertheless.
    assert of(findings, "database")[0]["result"] == "ok"
    assert of(findings, "issuer")[0]["result"] == "skipped"


def test_what_production_refuses_is_told(examined):
    assert "ACCOUNTS__HIDE_EXISTENCE" in str(of(examined(ENVIRONMENT="production"), "settings"))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+asyncpg://a:s3cret@127.0.0.1:1/auth", "Nobody answers"),
        ("postgresql+asyncpg://a:s3/cret@127.0.0.1/auth", "cannot be understood"),
        ("postgresql+asyncpg://a:s3cret@nowhere.invalid/auth", "Nobody answers"),
        ("mysql://a:s3cret@127.0.0.1/auth", "cannot be understood"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_without_its_password(examined, url, words):
    findings = examined(DATABASE__URL=url)
    assert words in of(findings, "database")[0]["found"]
    assert "s3" not in str(findings)
    assert of(findings, "signing keys")[0]["result"] == "skipped"


def test_an_option_of_the_url_that_is_not_known_is_told(examined, settings):
    findings = examined(DATABASE__URL=f"{settings.database.url.get_secret_value()}&application_nick=x")
    assert "database" in faults(findings)


def test_demo_data_in_production_are_told_even_where_the_cache_is_wrong_too(examined, administrator, settings):
    async def make_demo():
        connection = await asyncpg.connect(settings.database.url.get_secret_value().replace("+asyncpg", "", 1))
        await connection.execute("UPDATE users SET entry = 'demo'")
        await connection.close()

    asyncio.run(make_demo())
    production = {"ENVIRONMENT": "production", "ACCOUNTS__HIDE_EXISTENCE": "false", "REDIS__URL": "redis://host:port/0"}
    assert {"demo data", "cache"} <= faults(examined(**production))


def test_a_database_that_is_not_there_is_told(examined, settings):
    url, _, query = settings.database.url.get_secret_value().partition("?")
    findings = examined(DATABASE__URL=f"{url}_not?{query}")
    assert of(findings, "database")[0]["found"] == "The server has no database of that name."


def test_a_database_that_was_never_migrated_is_told(examined, settings, engines):
    url, _, query = settings.database.url.get_secret_value().partition("?")
    findings = examined(DATABASE__URL=f"{url.rpartition('/')[0]}/postgres?{query}")
    assert of(findings, "schema")[0]["cure"] == "Run `auth-service migrate`."


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://host:port/0"])
def test_a_cache_that_cannot_be_reached_is_told(examined, url):
    assert faults([of(examined(REDIS__URL=url), "cache")[0]]) == {"cache"}


def test_keys_that_cannot_be_decrypted_are_told(examined):
    other = base64.urlsafe_b64encode(os.urandom(32)).decode()
    told = of(examined(ENCRYPTION__KEYS=other), "signing keys")
    assert {finding["result"] for finding in told} == {"fault"}
    assert "ENCRYPTION__KEYS" in told[0]["found"]
    assert "former key" in told[0]["cure"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404}, "answers 404"),
        ({"body": b"<html>"}, "not with a key set"),
        ({"body": b"[]"}, "not with a key set"),
        ({"kids": ["another"]}, "another deployment"),
    ],
)
def test_an_issuer_url_that_leads_elsewhere_is_told(examined, answer, words):
    with issuer(**answer) as url:
        [told] = of(examined(PUBLIC_URL=url), "issuer")
    assert told["result"] == "fault"
    assert words in told["found"]


def test_an_issuer_url_where_nothing_listens_is_told(examined):
    [told] = of(examined(PUBLIC_URL="http://127.0.0.1:1"), "issuer")
    assert "Nothing listens" in told["found"]


def test_http_beyond_this_machine_is_warned_of(examined):
    told = of(examined(PUBLIC_URL="http://nowhere.invalid"), "issuer")
    assert not is_loopback("nowhere.invalid")
    assert [finding["result"] for finding in told] == ["warning", "fault"]


def test_a_secret_that_others_may_read_is_told_with_the_command_that_mends_it(
    examined, settings, monkeypatch, tmp_path
):
    file = tmp_path / "key"
    file.write_text(settings.encryption.keys.get_secret_value())
    file.chmod(0o644)
    monkeypatch.delenv("ENCRYPTION__KEYS")
    [told] = of(examined(ENCRYPTION__KEYS_FILE=file), "secret files")
    assert (told["result"], told["cure"]) == ("fault", f"chmod 600 {file}")
    file.chmod(0o600)
    assert of(examined(), "secret files")[0]["result"] == "ok"


def test_an_env_file_that_is_no_text_is_told(examined, tmp_path):
    (tmp_path / ".env").write_bytes(b"PUBLIC_URL=\xff\xfe\n")
    assert faults(examined()) & {"settings", "instance"}


def test_without_any_deployment_it_says_what_is_missing(bare, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    answer = bare("doctor", "--data-dir", str(tmp_path / "none"), "--json")
    assert (answer.code, answer.err) == (1, "")
    assert "auth-service dev" in answer.out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            (
                "INSERT INTO revocations (id, kind, target, at, expires_at, reason, created_at) "
                "VALUES (gen_random_uuid(), 'sid', 's', now(), now(), 'test', now() - interval '1 minute')"
            ),
            "A revocation has waited",
        ),
        ("UPDATE audit_entries SET at = at - interval '1 hour'", "An audit entry has waited"),
    ],
)
def test_what_waits_for_a_publisher_is_a_warning(examined, settings, statement, found):
    sql(settings, statement)
    (finding,) = of(examined(), "publishing")
    assert (finding["result"], found in finding["found"]) == ("warning", True)
    assert "auth-service serve" in finding["cure"]
