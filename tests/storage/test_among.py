"""A list is one parameter: the same rows as `IN`, by the index, and one statement however long it is."""

from __future__ import annotations

from collections.abc import Collection

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from storage.among import among
from storage.database import Database
from storage.tables import sent_cards

_t = sent_cards.c


def _put(connection: Connection, count: int) -> None:
    row = {
        column.name: 0 if isinstance(column.type, sa.BigInteger | sa.Integer) else "{}"
        for column in sent_cards.c
        if not column.nullable
    }
    connection.execute(
        sent_cards.insert(), [{**row, "card_id": f"c{n}", "platform": f"p{n % 3}"} for n in range(count)]
    )


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(["c1", "c4"], ["c1", "c4"]), ({"c2"}, ["c2"]), ((), []), (["'; --", "c3"], ["c3"])],
)
async def test_any_of_these(database: Database, wanted: Collection[str], expected: list[str]) -> None:
    await database.write(lambda c: _put(c, 5))
    statement = sa.select(_t.card_id).where(among(_t.card_id, wanted)).order_by(_t.card_id)
    found = await database.read(lambda c: c.execute(statement).scalars().all())
    assert list(found) == expected


async def test_none_of_these_and_lists_that_are_given_later(database: Database) -> None:
    await database.write(lambda c: _put(c, 5))
    statement = (
        sa.select(_t.card_id)
        .where(~among(_t.card_id, "cards"), among(_t.platform, "platforms"))
        .order_by(_t.card_id)
    )
    given = {"cards": ["c0"], "platforms": {"p0", "p1"}}
    found = await database.read(lambda c: c.execute(statement, given).scalars().all())
    assert list(found) == ["c1", "c3", "c4"]
    await database.write(lambda c: c.execute(sa.delete(sent_cards).where(~among(_t.card_id, []))))
    assert await database.read(lambda c: c.execute(sa.select(_t.card_id)).all()) == []


async def test_it_is_found_by_the_index(sqlite: Database) -> None:
    statement = str(
        sa.select(_t.card_id)
        .where(among(_t.card_id, "cards"))
        .compile(dialect=sa.create_engine("sqlite://").dialect)
    )
    plan = await sqlite.read(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("[]",)).all())
    assert any("SEARCH sent_cards USING" in str(row[-1]) for row in plan), plan


async def test_lists_of_all_lengths_are_one_prepared_statement(postgres: Database) -> None:
    def ask(connection: Connection) -> int:
        for length in range(30):
            wanted = [f"c{n}" for n in range(length)]
            connection.execute(
                sa.select(_t.state).where(among(_t.card_id, wanted), _t.platform == "p0")
            ).all()
        kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT sent_cards.state%'"
        return int(connection.exec_driver_sql(kept).scalar_one())

    assert await postgres.read(ask) == 1
