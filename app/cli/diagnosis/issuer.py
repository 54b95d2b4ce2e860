"""Whether the service answers where PUBLIC_URL says, with the keys of this database."""

import asyncio
import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.foundation.settings import is_loopback
from app.settings import Settings
from app.signing_keys.examine import ExaminedKey
from app.signing_keys.keyset import KeyState

_CHECK = "issuer"
_PATH = "/.well-known/jwks.json"
_SECONDS = 5.0
_MAX_BYTES = 262_144
_LEAD_HERE = "Let PUBLIC_URL be the address that others call this service by, and the proxy there lead to it."


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


async def examine_issuer(settings: Settings, keys: list[ExaminedKey]) -> list[Finding]:
    """Ask the issuer's URL for its key set. `keys` are the stored ones; none where they are not known."""
    findings = list(_how_public(settings))
    try:
        answer = await asyncio.to_thread(_ask, settings.public_url)
    except (OSError, http.client.HTTPException) as error:
        return [*findings, _unreachable(settings, error)]
    findings.append(_judged(settings.public_url, answer, keys))
    return findings


def _how_public(settings: Settings) -> list[Finding]:
    parts = urlsplit(settings.public_url)
    local = is_loopback(parts.hostname or "")
    if local and settings.is_production:
        cure = "Set PUBLIC_URL to the https address that others use, before the first token is issued."
        return [warning(_CHECK, f"{settings.public_url} is this machine alone.", cure)]
    if not local and parts.scheme == "http":
        cure = "Put a proxy with a certificate in front, and set PUBLIC_URL to its https address."
        return [warning(_CHECK, "Passwords and tokens travel over http, which anyone on the way can read.", cure)]
    return []


def _ask(public_url: str) -> _Answer:
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path + _PATH)
        response = connection.getresponse()
        return _Answer(response.status, response.read(_MAX_BYTES))
    finally:
        connection.close()


def _unreachable(settings: Settings, error: Exception) -> Finding:
    url = settings.public_url
    start = "`auth-service serve`" if settings.is_production else "`auth-service dev`"
    match error:
        case ConnectionRefusedError():
            return fault(_CHECK, f"Nothing listens at {url}.", f"Start the service ({start}), or correct PUBLIC_URL.")
        case socket.gaierror():
            return fault(_CHECK, f"The host name of {url} is not known here.", "Correct PUBLIC_URL, or the DNS.")
        case ssl.SSLCertVerificationError():
            cure = "Renew or complete the certificate; services that verify our tokens refuse it alike."
            return fault(_CHECK, f"The certificate of {url} is not accepted: {error.verify_message}.", cure)
        case TimeoutError():
            return fault(_CHECK, f"{url} does not answer within {_SECONDS:.0f} s.", "Look at the way there.")
        case _:
            return fault(_CHECK, f"{url} does not answer ({type(error).__name__}).", _LEAD_HERE)


def _judged(url: str, answer: _Answer, keys: list[ExaminedKey]) -> Finding:
    if answer.status != HTTPStatus.OK:
        return fault(_CHECK, f"{url}{_PATH} answers {answer.status}.", _LEAD_HERE)
    there = _kids(answer.body)
    if not there:
        return fault(_CHECK, f"{url}{_PATH} answers, but not with a key set.", _LEAD_HERE)
    if not keys:
        return ok(_CHECK, f"{url} answers with {len(there)} keys, which could not be compared with ours")
    return _compared(url, there, keys)


def _compared(url: str, there: set[str], keys: list[ExaminedKey]) -> Finding:
    missing = [key for key in keys if key.kid not in there]
    if len(missing) == len(keys):
        return fault(_CHECK, f"{url} answers with the keys of another deployment.", _LEAD_HERE)
    if any(key.state is KeyState.ACTIVE for key in missing):
        cure = "Look for a cache that keeps the key set longer than its max-age, and for a process that hangs."
        return fault(_CHECK, f"The key set at {url} lacks a key that signs now.", cure)
    if missing:
        cure = "Ask again once the key set's max-age is over; if it lasts, look for a cache in between."
        return warning(_CHECK, f"The key set at {url} lacks {len(missing)} of our keys.", cure)
    return ok(_CHECK, f"{url} answers with our keys")


def _kids(body: bytes) -> set[str]:
    try:
        return {str(key["kid"]) for key in json.loads(body)["keys"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
