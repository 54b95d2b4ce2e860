"""Entries of a process's log, as they come out."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys
import structlog
from app.foundation.logs import configure_logs, log_request
from app.foundation.tracing import current_trace_id

configure_logs(development={development})
logger = logging.getLogger("app.some")
current_trace_id.set("4bf92f3577b34da6a3ce929d0e0e4736")
{statements}
"""


def entries(statements: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines(statements)]


def lines(statements: str, *, development: bool = False) -> list[str]:
    """What a process of its own writes: setting up a log changes the whole process."""
    program = PROGRAM.format(development=development, statements=statements)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_an_entry_is_one_line_of_json_with_its_trace_id():
    first, second, third = entries(
        'logger.info("found %s", 3)\n'
        'structlog.get_logger("app.other").warning("odd", user_id="u1")\n'
        'logging.getLogger("uvicorn.error").error("gone")\n'
    )
    assert first["event"] == "found 3"
    assert first["level"] == "info"
    assert first["logger"] == "app.some"
    assert first["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert str(first["at"]).endswith("Z")
    assert (second["event"], second["user_id"], second["level"]) == ("odd", "u1", "warning")
    assert second["trace_id"] == first["trace_id"]
    assert third["event"] == "gone"


def test_debugging_and_statements_of_the_database_are_left_out():
    assert lines('logger.debug("x")\nlogging.getLogger("sqlalchemy.engine").info("SELECT secret")') == []


@pytest.mark.attack("AUD-04")
def test_control_characters_cannot_forge_a_line_or_move_a_cursor():
    evil = "a\\r\\nb\\x1b[31m\\x07\\x9b2J\\u202e\\u2028"
    found = entries(f'logger.info("{evil}")\nlogger.info("x", extra={{"name_": "{evil}"}})')
    assert len(found) == 2
    raw = "\n".join(lines(f'logger.info("{evil}")'))
    assert raw.isascii()
    assert raw.isprintable()
    for_a_reader = lines(f'logger.info("{evil}")\nlogger.info("x", extra={{"name_": "{evil}"}})', development=True)
    assert len(for_a_reader) == 2
    assert all(line.isprintable() for line in for_a_reader)


@pytest.mark.attack("AUD-04")
def test_a_text_of_a_megabyte_is_cut():
    found = entries('logger.info("x" * 1_000_000)\nlogger.info("y", extra={"agent": "x" * 1_000_000})')
    assert all(len(json.dumps(entry)) < 5000 for entry in found)


def test_secrets_are_taken_out_of_messages_fields_and_exceptions():
    found = entries(
        'token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2ln"\n'
        'logger.info("got %s", token)\n'
        'logger.info("got", extra={"password": "hunter2", "inner": {"cookie": "hunter2"}})\n'
        "try:\n    raise ValueError(token)\n"
        'except ValueError:\n    logger.exception("failed")\n'
    )
    assert "eyJ" not in json.dumps(found)
    assert "hunter2" not in json.dumps(found)
    assert "ValueError" in str(found[2]["exception"])


def test_a_request_is_one_entry_without_its_query():
    found = entries(
        "log_request(method='GET', path='/auth/sessions/{id}', matched=True, status=200, seconds=0.00123, "
        "ip='192.0.2.1', problem=None, detail=None)\n"
        "log_request(method='GET', path='/x/eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln' + 'y' * 900, matched=False, status=404,"
        " seconds=0.1, ip=None, problem='not_found', detail='the token eyJhbGciOiJSUzI1NiJ9.eyJzdWIi.c2ln')\n"
    )
    assert found[0].items() >= {
        "event": "request", "level": "info", "method": "GET", "path": "/auth/sessions/{id}", "status": 200,
        "duration_ms": 1.23, "ip": "192.0.2.1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }.items()  # fmt: skip
    assert found[1]["problem"] == "not_found"
    assert "eyJ" not in json.dumps(found[1])
    assert len(str(found[1]["path"])) < 250


def test_in_development_a_traceback_stands_below_its_line():
    found = lines("try:\n    1 / 0\nexcept ZeroDivisionError:\n    logger.exception('failed')", development=True)
    assert found[0].split()[1:] == ["error", "failed", "trace_id=4bf92f3577b34da6a3ce929d0e0e4736"]
    assert "ZeroDivisionError" in found[-1]
