"""How a webhook is signed. Spec: Standard Webhooks 1.0 ("Signature scheme", symmetric)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with
SECRET_BYTES = 32


def show_secret(key: bytes) -> str:
    """The secret as its owner receives it."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def signature(key: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature over id, time (whole seconds) and body, with its version in front."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")


def headers(keys: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one sending: a signature for each key, so that the receiver may hold any of them."""
    signatures = [signature(key, message_id=message_id, timestamp=timestamp, body=body) for key in keys]
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(signatures),
    }
