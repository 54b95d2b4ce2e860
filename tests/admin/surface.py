"""The admin API as its OpenAPI document says it is: a route that is added falls in by itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

UNKNOWN_ID = "0190a0a0-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    scope: str
    fresh: bool
    body: dict[str, Any] | None
    answer: dict[str, Any] | None
    query: frozenset[str]
    headers: frozenset[str]
    schemas: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def noun(self) -> str:
        return self.path.split("/")[2]

    @property
    def url(self) -> str:
        return re.sub(r"\{[^}]+\}", UNKNOWN_ID, self.path)

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and "after" in self.query

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def properties(self, schema: dict[str, Any] | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every property below a schema, with its name, however deep."""
        seen: set[str] = set()
        waiting = [schema] if schema else []
        while waiting:
            one = waiting.pop()
            if "$ref" in one:
                if one["$ref"] in seen:
                    continue
                seen.add(one["$ref"])
                one = self.resolved(one)
            waiting += [*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())]
            waiting += [part for part in (one.get("items"), one.get("additionalProperties")) if isinstance(part, dict)]
            for name, part in one.get("properties", {}).items():
                yield name, part
                waiting.append(part)


async def admin_operations(api: httpx2.AsyncClient) -> list[Operation]:
    """Every operation below `/admin/`, in the document's order."""
    document = (await api.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/admin/"):
                continue
            parameters = operation.get("parameters", ())
            found.append(
                Operation(
                    method=method.upper(),
                    path=path,
                    scope=operation["x-required-scope"],
                    fresh=operation.get("x-fresh-auth", False),
                    body=_json(operation.get("requestBody", {})),
                    answer=_answer(operation["responses"]),
                    query=frozenset(one["name"] for one in parameters if one["in"] == "query"),
                    headers=frozenset(one["name"] for one in parameters if one["in"] == "header"),
                    schemas=schemas,
                )
            )
    return found


def _json(part: dict[str, Any]) -> dict[str, Any] | None:
    schema: dict[str, Any] | None = part.get("content", {}).get("application/json", {}).get("schema")
    return schema


def _answer(responses: dict[str, Any]) -> dict[str, Any] | None:
    return next((_json(part) for status, part in responses.items() if status.startswith("2")), None)
