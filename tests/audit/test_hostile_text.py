"""What strangers type becomes one line of bounded, printable text in the log, and nothing more."""

import pytest

from tests.support import PASSWORD

pytestmark = pytest.mark.anyio

LIMIT = 1024
HOSTILE = {
    "line breaks": "ann\r\n2026-01-01 login.succeeded root",
    "ansi": "\x1b[2J\x1b]0;owned\x07ann",
    "long": "a" * 15_000,
    "bidi and zero width": "\u202eann\u200b\u2066",
    "separators": "ann\u2028\u2029\x85",
}


@pytest.mark.attack("AUD-04")
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_or_user_agent_is_one_clean_short_row(api, people, events, name):
    typed = HOSTILE[name]
    await people.sign_up()
    agent = "curl " + typed.replace("\r\n", "\t")
    answer = await api.post(
        "/auth/login",
        json={"email": typed, "password": PASSWORD},
        headers={"User-Agent": agent.encode("utf-8")},
    )
    assert answer.status_code in {401, 422}, answer.text
    await api.post(
        "/auth/login",
        json={"email": "ann@example.com", "password": "wrong"},
        headers={"User-Agent": agent.encode("utf-8")},
    )
    entries = await events.of("login.failed")
    assert len(entries) == (2 if answer.status_code == 401 else 1)
    for entry in entries:
        texts = [entry["user_agent"], *(value for value in entry["details"].values() if isinstance(value, str))]
        assert any(texts)
        for text in texts:
            assert text.isprintable(), text
            assert len(text) <= LIMIT


@pytest.mark.attack("AUD-04")
async def test_a_user_agent_that_is_no_utf_8_is_one_row_too(api, people, events):
    await people.sign_up()
    body = {"email": "ann@example.com", "password": "wrong"}
    answer = await api.post("/auth/login", json=body, headers={"User-Agent": b"curl \xff\xfe\xc3\x28"})
    assert answer.status_code == 401
    (entry,) = await events.of("login.failed")
    assert entry["user_agent"].isprintable()


@pytest.mark.attack("AUD-04")
async def test_a_user_agent_of_a_megabyte_is_refused_or_cut(api, people, events):
    await people.sign_up()
    body = {"email": "ann@example.com", "password": "wrong"}
    await api.post("/auth/login", json=body, headers={"User-Agent": "a" * 1_000_000})
    assert all(len(entry["user_agent"]) <= LIMIT for entry in await events.of("login.failed"))
