"""`verify_webhook` trusts what was signed with a secret just now, and nothing else."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from auth_service_sdk import WebhookVerificationError, verify_webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()  # pragma: allowlist secret
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()  # pragma: allowlist secret
NOW = 1_800_000_000
EVENT = {"id": "e1", "type": "user.created", "timestamp": "2027-01-15T08:00:00.000Z", "data": {"sub": "ann"}}
BODY = json.dumps(EVENT)


def signed(secret: str = SECRET, *, body: str = BODY, at: int = NOW, message_id: str = "e1") -> dict[str, str]:
    """The headers by the standard's own library."""
    signature = Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body)
    return {"Webhook-Id": message_id, "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def verified(headers: dict[str, str], payload: bytes | str = BODY, secret=SECRET, **options) -> dict:
    return verify_webhook(payload, headers, secret, now=lambda: NOW, **options)


@pytest.mark.attack("HOK-02")
def test_what_the_standards_library_signs_is_verified():
    assert verified(signed()) == EVENT
    assert verified(signed(), BODY.encode()) == EVENT


@pytest.mark.attack("HOK-06")
def test_any_of_several_secrets_and_any_of_several_signatures_will_do():
    assert verified(signed(OTHER), secret=[SECRET, OTHER]) == EVENT
    both = signed() | {
        "Webhook-Signature": f"v1a,x {signed(OTHER)['Webhook-Signature']} {signed()['Webhook-Signature']}"
    }
    assert verified(both) == EVENT


@pytest.mark.attack("HOK-02")
@pytest.mark.parametrize(
    ("headers", "payload", "words"),
    [
        (signed(OTHER), BODY, "No signature"),
        (signed(), BODY + " ", "No signature"),
        (signed(), BODY.replace("ann", "bob"), "No signature"),
        (signed() | {"Webhook-Id": "e2"}, BODY, "No signature"),
        (signed() | {"Webhook-Timestamp": str(NOW + 1)}, BODY, "No signature"),
        (signed(at=NOW - 301), BODY, "too far"),
        (signed(at=NOW + 301), BODY, "too far"),
        (signed() | {"Webhook-Timestamp": "soon"}, BODY, "not right"),
        (signed() | {"Webhook-Timestamp": "-1"}, BODY, "not right"),
        (signed() | {"Webhook-Timestamp": "9" * 5000}, BODY, "not right"),
        (signed() | {"Webhook-Id": ""}, BODY, "not right"),
        (signed() | {"Webhook-Signature": ""}, BODY, "no signature"),
        (signed() | {"Webhook-Signature": "v1,%%%"}, BODY, "no signature"),
        (signed() | {"Webhook-Signature": signed()["Webhook-Signature"].replace("v1,", "v2,")}, BODY, "no signature"),
        ({}, BODY, "webhook-id is missing"),
        ({"Webhook-Id": "e1", "Webhook-Timestamp": str(NOW)}, BODY, "webhook-signature is missing"),
        (signed(body="[]"), "[]", "no JSON object"),
        (signed(body="{"), "{", "no JSON"),
    ],
)
def test_anything_else_is_refused_in_plain_words(headers, payload, words):
    with pytest.raises(WebhookVerificationError, match=words):
        verified(headers, payload)


def test_tolerance_may_be_wider():
    assert verified(signed(at=NOW - 3000), tolerance=3600) == EVENT


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_YQ==", []])
def test_secret_that_is_none_is_the_callers_fault(secret):
    with pytest.raises(ValueError, match="secret"):
        verified(signed(), secret=secret)
