"""`token mint`: a token without a password, by the way that every token takes."""

import asyncio
import json

import asyncpg
import pytest

from tests.support import claims_of

MINT = ("token", "mint", "--user", "root@example.com")


def test_the_token_says_whose_it_is_for_whom_and_that_nobody_proved_it(run, administrator):
    response = run(*MINT, "--audience", "orders-api", "--json").json()
    assert set(response) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        "scope",
    }
    claims = claims_of(response["access_token"])
    assert (claims["aud"], claims["email"], claims["roles"]) == ("orders-api", administrator, ["admin"])
    assert (claims["amr"], claims["acr"]) == ([], "0")


def test_without_json_the_token_alone_is_printed_and_is_for_this_service(run, administrator, settings):
    answer = run(*MINT)
    assert claims_of(answer.out.strip())["aud"] == settings.public_url


def test_it_is_narrowed_to_the_scopes_asked_for(run, administrator):
    response = run(*MINT, "--audience", "orders-api", "--scope", "orders:read", "--json").json()
    assert response["scope"] == "orders:read"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--audience", "nowhere"], "audiences create"),
        (["--audience", "orders-api", "--scope", "orders:eat"], "no scope of that name"),
        (["--user", "nobody@example.com"], "users list"),
    ],
)
def test_what_does_not_exist_is_refused_in_words(run, administrator, arguments, words):
    assert words in run(*MINT, *arguments).refusal()


def test_a_suspended_user_gets_none(run, administrator):
    run("create-admin", "--email", "ann@example.com")
    run("users", "suspend", "ann@example.com")
    assert "suspended" in run("token", "mint", "--user", "ann@example.com").refusal()


def test_in_production_it_is_refused(run, administrator, monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("ACCOUNTS__HIDE_EXISTENCE", "false")
    assert "production" in run(*MINT).refusal()


def test_its_session_is_audited_with_the_operator_as_its_actor(run, administrator, settings):
    sid = claims_of(run(*MINT, "--audience", "orders-api").out.strip())["sid"]

    async def read():
        connection = await asyncpg.connect(settings.database.url.get_secret_value().replace("+asyncpg", "", 1))
        try:
            return await connection.fetch("SELECT * FROM audit_entries WHERE type = 'session.created'")
        finally:
            await connection.close()

    [entry] = asyncio.run(read())
    details = json.loads(entry["details"])
    assert entry["actor_kind"] == "operator"
    assert (details["sid"], details["amr"], details["acr"]) == (sid, [], "0")
