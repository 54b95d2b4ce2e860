"""Secrets that reach the log are taken out."""

import time

import pytest

from app.foundation.redaction import REDACTED, redact_fields, redact_text

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "name",
    [
        "password", "new_password", "Password", "secret", "client_secret", "access_token", "refreshToken", "token",
        "Authorization", "cookie", "Set-Cookie", "code", "otp", "api_key", "apikey", "X-API-Key", "assertion",
        "code_verifier", "private_key", "private_key_pem", "database_url", "dsn", "keys",
    ],
)  # fmt: skip
def test_a_field_with_the_name_of_a_secret_is_taken_out(name):
    assert redact_fields({name: "hunter2"}) == {name: REDACTED}
    assert redact_fields({"request": [{name: ["hunter2"]}]}) == {"request": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "name", ["user_id", "token_type", "code_count", "path", "status", "event", "key_id", "problem"]
)
def test_other_fields_stay(name):
    assert redact_fields({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        JWT + ".x.y",
        "rt_0192f3c4-7e1b-7c3d-9d2f-0123456789ab_kYp3Jx0qv2mQ",
        "tb_kYp3Jx0qv2mQkYp3Jx0qv2mQkYp3Jx0qv2mQkYp3Jx0",
        "ask_7gTQ2x9LkQ0aB3cD4eF5gH_secretsecretsecret",
        PEM,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE and no end",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
        "kJ8f-opaque.token~value",
    ],
)
def test_a_value_that_looks_like_a_secret_is_taken_out_of_any_text(secret):
    prefix = "Bearer " if secret.startswith("kJ8f") else ""
    text = redact_text(f"before {prefix}{secret} after")
    assert secret not in text
    assert text.startswith("before ")
    fields = redact_fields({"event": f"x {prefix}{secret}", "values": [f"{prefix}{secret}"]})
    assert secret not in str(fields)


def test_the_password_of_an_address_is_taken_out():
    text = redact_text("cannot reach postgresql+asyncpg://auth:hunter2@db:5432/auth")
    assert "hunter2" not in text
    assert "@db:5432/auth" in text


def test_long_values_are_cut_and_objects_are_shown_as_text():
    assert len(str(redact_fields({"event": "x" * 1_000_000})["event"])) < 5000
    assert redact_fields({"event": ValueError(JWT)}) == {"event": REDACTED}


def test_a_text_of_a_megabyte_costs_little():
    texts = [
        "eyJ" * 400_000,
        "eyJaaaa." * 150_000,
        "-----BEGIN PRIVATE KEY-----" * 40_000,
        "://" * 400_000,
        ":@" * 500_000,
    ]
    started = time.process_time()
    for text in texts:
        redact_text(text)
    assert time.process_time() - started < 0.5
