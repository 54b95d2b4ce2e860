"""What a file may be: everything else is refused in words, quickly, and without growing."""

import json

import pytest

from app.admin.configuration.document import Document, schema
from app.admin.configuration.errors import InvalidConfiguration
from app.admin.configuration.reading import MAX_BYTES, MAX_DEPTH, read_document
from app.admin.configuration.writing import as_yaml

LAUGHS = "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)

REFUSED = {
    "aliases": (LAUGHS, "anchors and aliases"),
    "an anchor alone": ("version: &v 1", "anchors and aliases"),
    "a merge": ("base: &b {x: 1}\nversion: 1\nroles: {<<: *b}", "anchors and aliases"),
    "depth": ("version: 1\nroles: " + "[" * 5000 + "]" * 5000, f"deeper than {MAX_DEPTH}"),
    "values": ("version: 1\nroles: [" + "x," * 200_000 + "]", "more than"),
    "size": ("#" * (MAX_BYTES + 1), "larger than"),
    "a tag": ("version: !!int 1", "tags are not taken"),
    "a tag that runs code": ("version: !!python/object/apply:os.system ['true']", "tags are not taken"),
    "two documents": ("version: 1\n---\nversion: 1", "one document"),
    "nothing": ("", "one document"),
    "a key that stands twice": ("version: 1\nroles: {a: {}, a: {}}", "stands twice"),
    "a key that is no word": ("version: 1\nroles: {1: {}}", "keys are words"),
    "a key that is a list": ("version: 1\nroles: {[a]: {}}", "keys are words"),
    "no YAML": ("version: [1", "line"),
    "another version": ("version: 2", "version"),
    "no version": ("roles: {}", "version"),
    "an unknown part": ("version: 1\nusers: {}", "users"),
    "an unknown field": ("version: 1\nroles: {a: {power: 9}}", "roles.a.power"),
    "a number where a text belongs": ("version: 1\nroles: {a: {permissions: {orders-api: [1]}}}", "roles.a"),
    "a secret that stands in the file": ("version: 1\nclients: {a: {secret: hunter2hunter2}}", "clients.a.secret"),
    "a list": ("- version", "the document"),
    "a very long number": ("version: " + "9" * 10_000, "version"),
    "a control character": ("version: 1\nroles: {\x07: {}}", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_document_is_refused_in_words(case: str):
    content, words = REFUSED[case]
    with pytest.raises(InvalidConfiguration) as refused:
        read_document(content.encode())
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        read_document(b"version: \xff")


def test_words_stay_words():
    document = read_document(b"version: 1\nroles: {no: {permissions: {orders-api: [on, off, yes, 1e3, 0x1f, 12:30]}}}")
    assert document.roles is not None
    assert document.roles["no"].permissions == {"orders-api": ["on", "off", "yes", "1e3", "0x1f", "12:30"]}


def test_json_is_read_too_and_what_is_written_is_read_the_same():
    permissions = {"orders-api": ["no", "null", "~", "1", "1.5", "true", "a: b", "#x", "- y", "ä", "0o7", "=", "'"]}
    value = {"version": 1, "roles": {"on": {"permissions": permissions}}, "groups": {"12": {}}, "webhooks": {}}
    document = read_document(json.dumps(value).encode())
    assert read_document(as_yaml(document).encode()) == document
    assert Document.model_validate(value) == document


def test_the_schema_names_every_part():
    published = schema()
    assert published["$schema"].startswith("https://json-schema.org/")
    assert set(published["properties"]) == {
        "version",
        "audiences",
        "roles",
        "groups",
        "clients",
        "webhooks",
        "identity_providers",
    }
    assert published["additionalProperties"] is False
