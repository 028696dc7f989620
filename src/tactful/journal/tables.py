"""The tables of a journal, in SQLite or PostgreSQL, and the connection to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as hooks
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from tactful.errors import JournalError

FORMAT = 1
READS = "tactful_reads"
metadata = sa.MetaData()

# SQLite numbers rows by itself only where the key is its own integer type.
_Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    "tactful_events",
    metadata,
    sa.Column("seq", _Serial, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("period", sa.BigInteger),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("received_us", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
_DECIDED = events.c.kind == sa.literal_column("'decision'")
sa.Index(
    "tactful_decided_once",
    events.c.user,
    events.c.period,
    events.c.scope,
    unique=True,
    sqlite_where=_DECIDED,
    postgresql_where=_DECIDED,
)
sa.Index("tactful_by_user", events.c.user, events.c.kind, events.c.at_us)

erased = sa.Table(
    "tactful_erased",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
)
about = sa.Table("tactful_journal", metadata, sa.Column("format", sa.Integer, primary_key=True))


def connect(url: str | Path) -> sa.Engine:
    """An engine with the tables in place; a path is an embedded SQLite file.

    Raises
    ------
    JournalError
        The database cannot be opened, is of neither kind, or holds a newer journal.
    """
    text = str(url)
    if "://" not in text:
        text = f"sqlite:///{text}"
    if text in ("sqlite://", "sqlite:///", "sqlite:///:memory:"):
        raise JournalError("a journal in memory would not survive", text, "give a path")
    where = sa.engine.make_url(text).render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(text, **_options(text))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        do = "give a path, sqlite:///path, or postgresql+psycopg://…; pip install 'psycopg[binary]'"
        raise JournalError(f"cannot be opened ({str(error).splitlines()[0]})", where, do) from None
    if engine.dialect.name == "sqlite":
        hooks.listen(engine, "connect", _durable)
        hooks.listen(engine, "begin", _immediate)
    try:
        _prepare(engine, where)
    except JournalError:
        engine.dispose()
        raise
    return engine


def _prepare(engine: sa.Engine, where: str) -> None:
    """The tables, where they are not there yet; a newer journal is refused."""
    try:
        metadata.create_all(engine)
        with engine.begin() as connection:
            found = connection.execute(sa.select(sa.func.max(about.c.format))).scalar()
            if found is None:
                connection.execute(upsert(engine, about).on_conflict_do_nothing(), [{"format": FORMAT}])
    except SQLAlchemyError as error:
        do = "check the path, the disk, the server"
        raise JournalError(f"cannot be opened ({reason(error)})", where, do) from None
    if found is not None and found > FORMAT:
        raise JournalError(f"a journal of format {found}; this tactful reads {FORMAT}", where, "update tactful")


def fetch(engine: sa.Engine, query: Any) -> Sequence[Any]:
    """The rows of a query.

    Raises
    ------
    JournalError
        The database does not answer.
    """
    try:
        with engine.connect().execution_options(**{READS: True}) as connection:
            return connection.execute(query).all()
    except SQLAlchemyError as error:
        raise JournalError(f"cannot be read ({reason(error)})", "journal", "check the disk, the server") from None


def upsert(engine: sa.Engine, table: sa.Table) -> Any:
    """An INSERT that can leave out what is there already."""
    return (sqlite if engine.dialect.name == "sqlite" else postgresql).insert(table)


def reason(error: Exception) -> str:
    """The database's own words, in one line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 30.0, "check_same_thread": False}}
    if url.startswith("postgresql"):
        return {"pool_pre_ping": True}
    raise ArgumentError("neither SQLite nor PostgreSQL")


def _durable(connection: Any, _record: Any) -> None:
    """Write-ahead log, flushed to the disk before a commit returns; what is deleted is overwritten."""
    connection.isolation_level = None  # BEGIN is ours
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _immediate(connection: Any) -> None:
    """A writer takes its lock at once: a transaction that reads first could not get it later."""
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
