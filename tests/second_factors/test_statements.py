"""What a second factor costs the database."""

import pytest
from sqlalchemy import event

from tests.second_factors.support import Ann

pytestmark = pytest.mark.anyio


async def test_a_code_costs_at_most_three_statements_more_than_a_password_alone(ann: Ann) -> None:
    counted: list[str] = []

    def count(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        counted.append(statement)

    event.listen(ann.services.db.engine.sync_engine, "before_cursor_execute", count)
    await ann.people.log_in()
    without = len(counted)
    await ann.enrols_totp()
    counted.clear()
    asked = await ann.asked()
    await ann.verifies(asked["mfa_token"], code=ann.code())
    assert without <= 3
    assert len(counted) <= without + 3, counted
