"""A full run of everything that has a secret, and then a search for each of them in the log and the log."""

import io
import json
import logging

import pyotp
import pytest

from app.foundation.logs import configure_logs
from tests.support import bearer, claims_of

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
PASSWORDS = ["the first secret phrase 1", "the second secret phrase 2", "a third one, tried in vain"]


@pytest.fixture
def written():
    """What a process in production writes to its log."""
    stream = io.StringIO()
    loggers = [logging.getLogger(name) for name in ("", "app.access", "uvicorn", "uvicorn.error", "sqlalchemy.engine")]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    configure_logs(development=False, stream=stream)
    yield stream
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.attack("AUD-05")
async def test_no_secret_of_a_full_run_stands_in_the_log_or_the_audit_log(
    api, people, services, mailbox, connection, written
):
    secrets: dict[str, str] = {f"password {n}": password for n, password in enumerate(PASSWORDS)}

    def keep(name, answer):
        assert answer.status_code < 300, (name, answer.text)
        tokens = answer.json()
        for kind in ("access_token", "refresh_token", "action_token"):
            if tokens.get(kind):
                secrets[f"{name}: {kind}"] = tokens[kind]
        return tokens

    async def post(path, body=None, tokens=None, **headers):
        return await api.post(path, json=body, headers=headers | (bearer(tokens) if tokens else {}))

    await people.sign_up(ANN, PASSWORDS[0])
    await post("/auth/login", {"email": ANN, "password": PASSWORDS[2]})
    await post("/auth/login?password=" + PASSWORDS[2].replace(" ", "%20"), {"email": ANN, "password": PASSWORDS[2]})
    tokens = keep("sign in", await post("/auth/login", {"email": ANN, "password": PASSWORDS[0]}))
    spent = tokens["refresh_token"]
    tokens = keep("refresh", await post("/auth/refresh", {"refresh_token": spent}))
    keep("refresh again", await post("/auth/refresh", {"refresh_token": spent}))
    await post("/auth/refresh", {"refresh_token": spent[:-4] + "AAAA"})
    secrets["altered"] = spent[:-4] + "AAAA"
    await api.get("/auth/validate", headers={"Authorization": f"Bearer {tokens['access_token']}x"})
    await api.get(f"/auth/me?access_token={tokens['access_token']}")
    # A mailed code, a link, and the browser's cookies.
    asked = (await post("/auth/otp/request", {"email": ANN, "purpose": "login"})).json()
    code = (await mailbox.wait_for(to=ANN, template="login_code")).code
    await post("/auth/otp/verify", {"challenge_id": asked["challenge_id"], "code": "000000"})
    keep("code", await post("/auth/otp/verify", {"challenge_id": asked["challenge_id"], "code": code}))
    secrets["challenge"] = asked["challenge_id"]
    await post("/auth/password/forgot", {"email": ANN})
    link = await mailbox.wait_for(to=ANN, template="password_reset")
    secrets["reset link"] = link.token
    assert (await post("/auth/password/reset", {"token": link.token, "new_password": PASSWORDS[1]})).status_code == 204
    browser = await post("/auth/login?transport=cookie", {"email": ANN, "password": PASSWORDS[1]})
    assert browser.status_code == 200, browser.text
    for cookie in browser.headers.get_list("set-cookie"):
        name, _, value = cookie.partition(";")[0].partition("=")
        # One that is taken away has no value but its quotes.
        secrets[f"cookie {name}"] = value.strip('"')
    api.cookies.clear()
    # A second factor, an act confirmed by it, and a key.
    tokens = keep("sign in anew", await post("/auth/login", {"email": ANN, "password": PASSWORDS[1]}))
    totp = (await post("/auth/mfa/totp", tokens=tokens)).json()["secret"]
    secrets["totp seed"] = totp
    now = pyotp.TOTP(totp).at(services.clock.now())
    confirmed = await post("/auth/mfa/totp/confirm", {"code": now}, tokens)
    assert confirmed.status_code == 200, confirmed.text
    for number, recovery in enumerate(confirmed.json()["recovery_codes"]):
        secrets[f"recovery code {number}"] = recovery
    key = await post("/auth/api-keys", {"name": "robot", "scopes": []}, tokens)
    assert key.status_code == 201, key.text
    secrets["api key"] = next(value for value in key.json().values() if str(value).startswith("ask_"))
    await api.get("/auth/me", headers={"X-API-Key": secrets["api key"]})
    await mailbox.settled()

    kept = {name: value for name, value in secrets.items() if value}
    assert len(kept) >= 20
    rows = await connection.fetch("SELECT row_to_json(a)::text AS text FROM audit_entries a")
    rows += await connection.fetch("SELECT row_to_json(e)::text AS text FROM events e")
    haystacks = {"audit log": "\n".join(row["text"] for row in rows), "log": written.getvalue()}
    assert len(haystacks["log"]) > 1000
    assert len(rows) > 20
    for where, text in haystacks.items():
        found = [name for name, value in kept.items() if value in text or json.dumps(value)[1:-1] in text]
        assert found == [], where
        # Nor a part of a token that would still be one.
        parts = [name for name, value in kept.items() if value.count(".") == 2 and value.rpartition(".")[2] in text]
        assert parts == [], where
    assert claims_of(tokens["access_token"])["sub"] in haystacks["audit log"]
