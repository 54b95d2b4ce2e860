"""The routes. Every statement names the owner: somebody else's todo is as absent as one that never was."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from auth_service_sdk import Identity, require_user
from todo_api.models import Todo
from todo_api.schemas import NewTodo, TodoChange, TodoOut

MAX_PAGE = 100
_MAX_ID = 2**63 - 1

router = APIRouter(prefix="/todos", tags=["todos"])


async def _connection(request: Request) -> AsyncIterator[AsyncConnection]:
    # Committed by each route itself: what stands behind a yield runs when the answer has gone out already.
    async with request.app.state.engine.connect() as connection:
        yield connection


Database = Annotated[AsyncConnection, Depends(_connection)]
Caller = Annotated[Identity, Depends(require_user)]
TodoID = Annotated[int, Path(ge=1, le=_MAX_ID)]


@router.get("/")
async def list_todos(
    db: Database,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> list[TodoOut]:
    """The caller's todos, the newest first."""
    wanted = select(Todo.__table__).where(Todo.owner == caller.sub).order_by(Todo.id.desc())
    return [_shown(row) for row in await db.execute(wanted.limit(limit).offset(offset))]


@router.post("/", status_code=201)
async def add_todo(body: NewTodo, db: Database, caller: Caller, response: Response) -> TodoOut:
    """Add a todo of the caller's."""
    now = datetime.now(UTC)
    values = body.model_dump() | {"owner": caller.sub, "created_at": now, "updated_at": now}
    todo = _shown((await db.execute(insert(Todo).values(values).returning(Todo.__table__))).one())
    await db.commit()
    response.headers["Location"] = f"/todos/{todo.id}"
    return todo


@router.get("/{todo_id}")
async def get_todo(todo_id: TodoID, db: Database, caller: Caller) -> TodoOut:
    """One of the caller's todos."""
    found = await db.execute(select(Todo.__table__).where(Todo.id == todo_id, Todo.owner == caller.sub))
    return _shown(found.one_or_none())


@router.put("/{todo_id}")
async def replace_todo(todo_id: TodoID, body: NewTodo, db: Database, caller: Caller) -> TodoOut:
    """Put another text in its place; what is left out has its default."""
    return await _change(db, todo_id, caller, body.model_dump())


@router.patch("/{todo_id}")
async def change_todo(todo_id: TodoID, body: TodoChange, db: Database, caller: Caller) -> TodoOut:
    """Change what the body names."""
    return await _change(db, todo_id, caller, body.model_dump(exclude_unset=True))


@router.delete("/{todo_id}", status_code=204)
async def remove_todo(todo_id: TodoID, db: Database, caller: Caller) -> None:
    """Remove one of the caller's todos."""
    wanted = delete(Todo).where(Todo.id == todo_id, Todo.owner == caller.sub).returning(Todo.id)
    if (await db.execute(wanted)).one_or_none() is None:
        raise HTTPException(404, "There is no such todo.")
    await db.commit()


async def _change(db: AsyncConnection, todo_id: int, caller: Identity, values: dict[str, Any]) -> TodoOut:
    wanted = update(Todo).where(Todo.id == todo_id, Todo.owner == caller.sub)
    changed = await db.execute(wanted.values(values | {"updated_at": datetime.now(UTC)}).returning(Todo.__table__))
    todo = _shown(changed.one_or_none())
    await db.commit()
    return todo


def _shown(row: Any) -> TodoOut:
    """Any: a row of SQLAlchemy's, or None. Raises HTTPException."""
    if row is None:
        raise HTTPException(404, "There is no such todo.")
    return TodoOut.model_validate(row)
