"""The text of each page."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from app.admin.configuration.document import schema
from app.audit.event import Event
from app.cli.main import COMMANDS, program
from app.foundation.environment import Variable, variables
from app.foundation.metrics import Declared
from app.main import create_app
from app.settings import Settings
from tools.reference.cures import CURES
from tools.reference.inventory import Code, codes, events, metrics

_MADE = "<!-- Made by `python -m tools.reference`; do not edit. -->\n"
# Nothing is connected: the document is made of routes alone.
_SETTINGS = {
    "public_url": "https://auth.example.com",
    "database": {"url": "postgresql+asyncpg://auth@localhost/auth"},
    "encryption": {"keys": "A" * 43},
    # Off in production unless asked for; the document shows all that there is.
    "password_grant": {"enabled": True},
}
_COLUMNS = 100


def settings_page() -> str:
    """Every setting: name, default, meaning, example."""
    sections: dict[str, list[Variable]] = {}
    for variable in variables(Settings):
        section = variable.place[0] if len(variable.place) > 1 else ""
        sections.setdefault(section, []).append(variable)
    lines = [
        "# Settings",
        "",
        (
            "From the environment or from `.env`; the environment goes first. Any of them may stand in a file named by "
            "the same variable with the suffix `_FILE`. Lists are comma-separated or JSON. A wrong value stops the "
            "start with its name, the fault and an example; `auth-service doctor` shows all faults at once."
        ),
    ]
    for section, members in sections.items():
        lines += ["", f"## {section.upper() + '__' if section else 'General'}", ""]
        for variable in members:
            lines += [f"### `{variable.name}`", "", *_setting(variable), ""]
        lines.pop()
    return _page(lines)


def errors_page() -> str:
    """Every stable code, each under a heading that links can point at."""
    lines = [
        "# Errors",
        "",
        (
            "Refusals are problem documents (RFC 9457) with a stable `code`; switch on it, show `detail`, keep "
            "`trace_id` for the operator. The `type` is `urn:auth-service:problem:<code>`. OAuth endpoints answer with "
            "`error` and `error_description` instead (RFC 6749 §5.2)."
        ),
    ]
    for code in codes():
        lines += ["", f"## {code.code}", "", *_error(code)]
    return _page(lines)


def events_page() -> str:
    """Every event of the audit log."""
    lines = [
        "# Events",
        "",
        (
            "Each is written in the transaction of the change it speaks of: an entry in `audit_entries` and a row in "
            "`events`. Beside its details each has the time, the actor, the subject it happened to, the client's "
            "address and user agent, the trace id, and an outcome. It never holds a secret."
        ),
        "",
        "| type | when | outcome | details |",
        "|---|---|---|---|",
    ]
    for kind in events():
        meaning = _cell(" ".join((kind.__doc__ or "").split()))
        lines.append(f"| `{kind.type}` | {meaning} | {kind.outcome.value} | {_details(kind)} |")
    return _page(lines)


def metrics_page() -> str:
    """Every metric that is shown at `/metrics`."""
    lines = [
        "# Metrics",
        "",
        (
            "At `/metrics` on the port that `METRICS__PORT` names, in Prometheus' text format. Histograms are exposed "
            "as `_bucket`, `_sum` and `_count`. Labels have closed sets of values; what does not belong to one counts "
            "as `other`. How to collect them: [operations](../operations.md#metrics-and-traces)."
        ),
        "",
        "| metric | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    for metric in metrics():
        name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
        lines.append(f"| `{name}` | {metric.kind} | {metric.unit} | {_labels(metric)} | {_cell(metric.meaning)} |")
    return _page(lines)


def cli_page() -> str:
    """The help of every command, as it is printed."""
    lines = ["# Commands", "", "`auth-service …` and `python -m app.cli …` are the same program."]
    for words, command in _commands():
        lines += ["", f"## {words}", "", "```text", _help(words, command), "```"]
    return _page(lines)


def openapi_document() -> str:
    """The service's OpenAPI document, its members in order, so that a change shows as one."""
    document = create_app(Settings.model_validate(_SETTINGS)).openapi()
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def configuration_schema() -> str:
    """The JSON schema of the document that `export-config` and `apply-config` speak."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


PAGES: dict[Path, Callable[[], str]] = {
    Path("settings.md"): settings_page,
    Path("errors.md"): errors_page,
    Path("events.md"): events_page,
    Path("metrics.md"): metrics_page,
    Path("cli.md"): cli_page,
    Path("openapi.json"): openapi_document,
    Path("configuration.schema.json"): configuration_schema,
}


def _setting(variable: Variable) -> Iterator[str]:
    yield variable.field.description or ""
    yield ""
    if variable.field.is_required():
        yield f"Required. Example: `{variable.example}`"
        return
    default = variable.field.get_default()
    shown = {None: "left out", (): "none", True: "true", False: "false"}.get(default) if _is_plain(default) else None
    text = shown or (f"`{','.join(map(str, default))}`" if isinstance(default, tuple) else f"`{default}`")
    yield f"Default: {text}. Example: `{variable.example}`"


def _is_plain(default: object) -> bool:
    return default is None or default == () or isinstance(default, bool)


def _error(code: Code) -> Iterator[str]:
    yield f"**{' or '.join(map(str, code.statuses))}** · {' / '.join(code.titles)} · from {', '.join(code.sources)}"
    yield ""
    if code.meaning:
        yield code.meaning
        yield ""
    yield f"What to do: {CURES[code.code]}"


def _details(kind: type[Event]) -> str:
    names = [item.name for item in dataclasses.fields(kind) if item.name not in {"actor", "origin", "subject"}]
    return ", ".join(f"`{name}`" for name in names) or "none"


def _labels(metric: Declared) -> str:
    """Each label, with its values where they are few."""
    told = [
        f"`{label}`" if values is None else f"`{label}` ({', '.join(values)})"
        for label, values in metric.labels.items()
    ]
    return "; ".join(told) or "none"


def _commands() -> Iterator[tuple[str, Any]]:
    """Every command and, where it has some, its verbs. `Any` stands for types that typer keeps to itself."""
    root: Any = typer.main.get_command(program)
    context = typer.Context(root)
    yield "auth-service", root
    for name in COMMANDS:
        command = root.get_command(context, name)
        if command is None or command.hidden:
            continue
        yield f"auth-service {name}", command
        for verb, below in getattr(command, "commands", {}).items():
            yield f"auth-service {name} {verb}", below


def _help(words: str, command: Any) -> str:
    """What `--help` prints, without the frames of a terminal."""
    command.rich_markup_mode = None
    text: str = command.get_help(typer.Context(command, info_name=words, terminal_width=_COLUMNS))
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _page(lines: list[str]) -> str:
    return _MADE + "\n" + "\n".join(lines).rstrip("\n") + "\n"
