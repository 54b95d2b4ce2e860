"""`verify-audit-log`."""

import asyncio
import json
from pathlib import Path

import pytest

from app.audit.chaining import AuditChaining
from app.settings import Settings
from app.wiring import build
from tests.cli.nouns.conftest import CommandLine
from tests.cli.nouns.test_purge import statement


async def chain(settings: Settings) -> None:
    services = build(settings)
    await services.open()
    async with services.db.dedicated() as connection:
        while await AuditChaining().step(connection):
            pass
    await services.close()


def test_a_log_that_is_whole_is_said_to_be(run: CommandLine, settings: Settings) -> None:
    asyncio.run(chain(settings))
    answer = run("verify-audit-log")
    assert answer.code == 0, answer.err
    assert "The log is whole." in answer.out
    found = run("verify-audit-log", "--json").json()
    assert (found["ok"], found["broken"], found["first"]) == (True, None, 1)
    assert found["entries"] == found["last"] > 1


@pytest.mark.attack("AUD-03")
def test_the_first_bad_entry_is_named_and_the_status_is_1(run: CommandLine, settings: Settings) -> None:
    asyncio.run(chain(settings))
    statement(settings, "UPDATE audit_entries SET subject = 'eve' WHERE number = 2")
    answer = run("verify-audit-log")
    assert answer.code == 1
    assert "BROKEN: entry 2 (" in answer.out
    answer = run("verify-audit-log", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["broken"]["number"] == 2


def test_an_anchor_file_that_is_not_there_is_a_refusal(run: CommandLine, tmp_path: Path) -> None:
    refusal = run("verify-audit-log", "--anchors", str(tmp_path / "heads")).refusal()
    assert "cannot be read" in refusal


def test_a_line_that_we_did_not_sign_is_a_broken_anchor(run: CommandLine, settings: Settings, tmp_path: Path) -> None:
    asyncio.run(chain(settings))
    file = tmp_path / "heads"
    file.write_text("something else\n")
    answer = run("verify-audit-log", "--anchors", str(file))
    assert answer.code == 1
    assert "line 1 of" in answer.out
