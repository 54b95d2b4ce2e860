"""Making tokens by hand, good and bad, with nothing of the code under test."""

import base64
import json


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def part(members: object) -> str:
    return b64(json.dumps(members, separators=(",", ":")).encode())


def number(text: str) -> int:
    return int.from_bytes(unb64(text), "big")
