"""Webhooks: whether what came is what auth-service sent, just now.

    try:
        event = verify_webhook(await request.body(), request.headers, secret)
    except WebhookVerificationError as error:
        raise HTTPException(400, str(error)) from None

The body is verified as it came, byte for byte: parse nothing before. Spec: Standard Webhooks 1.0.
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_PREFIX = "whsec_"
_VERSION = "v1"
_SMALLEST_KEY_BYTES = 16
# What more an honest sender's header would never hold; each one costs a comparison.
_MOST_SIGNATURES = 32


class WebhookVerificationError(Exception):
    """The webhook is not to be trusted. The message says why and may be shown to the sender."""


def verify_webhook(
    payload: bytes | str,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    tolerance: float = 300,
    *,
    now: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """Return the event of a webhook whose signature is right and whose time is within `tolerance` seconds of now.

    `payload` is the body as it came. `secret` begins with `whsec_`; several count side by side while one takes
    another's place. Deliveries may come twice: remember the event's `id` (the header `webhook-id`) for a day.

    Raises WebhookVerificationError, and ValueError for a secret that is none.
    """
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("at least one secret is needed")
    body = payload.encode() if isinstance(payload, str) else bytes(payload)
    message_id, timestamp, signatures = _headers(headers)
    if abs(now() - timestamp) > tolerance:
        raise WebhookVerificationError("The time of the webhook is too far from now: it is old, or a clock is wrong.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    # Every pair is compared, so that the time taken tells nothing of which one fits.
    matches = [hmac.compare_digest(right, given) for right in expected for given in signatures]
    if True not in matches:
        raise WebhookVerificationError("No signature of the webhook is right: another secret, or the body was altered.")
    return _event(body)


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook's secret is whsec_ and base64") from None
    if len(key) < _SMALLEST_KEY_BYTES:
        raise ValueError("a webhook's secret is longer")
    return key


def _headers(headers: Mapping[str, str]) -> tuple[str, int, list[bytes]]:
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent_at, signed = (found[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise WebhookVerificationError(f"The header {missing.args[0]} is missing.") from None
    if not message_id or not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= 12):
        raise WebhookVerificationError("The headers webhook-id and webhook-timestamp are not right.")
    signatures = list(_decoded(signed.split()[:_MOST_SIGNATURES]))
    if not signatures:
        raise WebhookVerificationError(f"The header webhook-signature holds no signature of version {_VERSION}.")
    return message_id, int(sent_at), signatures


def _decoded(signatures: Iterable[str]) -> Iterable[bytes]:
    for each in signatures:
        version, _, value = each.partition(",")
        if version == _VERSION:
            try:
                yield base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                continue


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        raise WebhookVerificationError("The body is no JSON.") from None
    if not isinstance(event, dict):
        raise WebhookVerificationError("The body is no JSON object.")
    return event
