"""fastapi-users as its documentation sets it up: a JWT of its own, and the user read from PostgreSQL each time."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from bench.peers.orders import guarded

_SECRET = "known to this bench alone"
_LIFETIME_SECONDS = 3600


class Base(DeclarativeBase):
    """The metadata of the one table."""


class User(SQLAlchemyBaseUserTableUUID, Base):
    """A user of fastapi-users."""

    __tablename__ = "bench_fastapi_users"


class Manager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """What the library asks to be subclassed."""

    reset_password_token_secret = verification_token_secret = _SECRET


def application() -> FastAPI:
    """The guarded route, with the library's own `/login`; `EMAIL` and `PASSWORD` sign in there."""
    engine = create_async_engine(os.environ["DATABASE_URL"])
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def manager() -> AsyncIterator[Manager]:
        async with sessions() as session:
            yield Manager(SQLAlchemyUserDatabase(session, User))

    def strategy() -> JWTStrategy[User, uuid.UUID]:
        return JWTStrategy(_SECRET, _LIFETIME_SECONDS)

    backend = AuthenticationBackend("jwt", BearerTransport("login"), strategy)
    users = FastAPIUsers[User, uuid.UUID](manager, [backend])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
        async with sessions() as session:
            hashed = PasswordHelper().hash(os.environ["PASSWORD"])
            session.add(User(email=os.environ["EMAIL"], hashed_password=hashed))
            await session.commit()
        yield
        await engine.dispose()

    app = guarded(users.current_user(active=True))
    app.router.lifespan_context = lifespan
    app.include_router(users.get_auth_router(backend))
    return app
