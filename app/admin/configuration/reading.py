"""Reading a document of YAML or JSON that somebody else may have written."""

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from app.admin.configuration.document import Document
from app.admin.configuration.errors import InvalidConfiguration

MAX_BYTES = 1_000_000
MAX_DEPTH = 16
MAX_NODES = 100_000
_MAX_FAULTS = 20


class _Loader(yaml.SafeLoader):
    """Plain values alone, by the rules of YAML 1.2: `no` and `on` are words, and a key stands once."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 — the library's own form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        """The mapping, where no key stands twice."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise InvalidConfiguration(f"line {key.start_mark.line + 1}: keys are words")
            if key.value in seen:
                raise InvalidConfiguration(f"line {key.start_mark.line + 1}: the key {key.value} stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_BEGINNINGS = {"bool": "tf", "int": "-+0123456789", "float": "-+0123456789"}
_PATTERNS = {"bool": r"true|false", "int": r"[-+]?[0-9]{1,18}", "float": r"[-+]?[0-9]{1,18}\.[0-9]{1,18}"}
for _tag, _pattern in _PATTERNS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_BEGINNINGS[_tag]))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])


def read_document(content: bytes) -> Document:
    """The document in a file. Raises InvalidConfiguration, which says what is wrong with it and where.

    JSON is YAML too. Anchors, aliases and tags are refused: a few lines of them grow to gigabytes.
    """
    if len(content) > MAX_BYTES:
        raise InvalidConfiguration(f"larger than {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8")
        _check_shape(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 — a subclass of SafeLoader
    except UnicodeDecodeError:
        raise InvalidConfiguration("not UTF-8") from None
    except yaml.YAMLError as error:
        raise InvalidConfiguration(_words(error)) from None
    except ValueError:
        # A number of thousands of digits, for example.
        raise InvalidConfiguration("a value cannot be read") from None
    try:
        return Document.model_validate(value)
    except ValidationError as error:
        raise InvalidConfiguration("; ".join(_faults(error))) from None


def _check_shape(text: str) -> None:
    """Walk the events without building anything. Raises InvalidConfiguration, yaml.YAMLError."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise InvalidConfiguration(f"line {line}: anchors and aliases are not taken")
        if getattr(event, "tag", None) is not None:
            raise InvalidConfiguration(f"line {line}: tags are not taken")
        documents += isinstance(event, yaml.DocumentStartEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise InvalidConfiguration(f"line {line}: nested deeper than {MAX_DEPTH}, or more than {MAX_NODES} values")
        depth -= isinstance(event, yaml.CollectionEndEvent)
    if documents != 1:
        raise InvalidConfiguration("one document is needed")


def _words(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{where}{getattr(error, 'problem', None) or 'this is neither YAML nor JSON'}"


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False)[:_MAX_FAULTS]:
        yield f"{'.'.join(str(part) for part in fault['loc']) or 'the document'}: {fault['msg']}"
