"""Old and new version on one database during a release: what the new one has written is left to it, and tables that
this version cannot work on are refused in words."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
import yaml

from bot.commands.sandbox import credentials
from bot.database import DatabaseBehind, make_ready
from bot.sandbox_settings import settings_data
from bot.settings import DatabaseSettings, Security, Settings
from bot.system_clock import SystemClock
from domain.job import JobInfo
from storage import schema
from storage.database import Database, open_database
from storage.job_slots import JobSlots
from storage.schema import COMPATIBLE_FROM, COMPATIBLE_MARK, HEAD, Form
from tests.bot.kit import until
from tests.office import LIN, PATIENCE, Office, open_office

ROOT = Path(__file__).parents[2]
KEY = bytes(range(32))
NEXT = f"{int(HEAD) + 1:04d}"


def as_settings(postgres_database: str) -> str:
    url = sa.make_url(postgres_database).set(drivername="postgresql+asyncpg")
    return url.render_as_string(hide_password=False)


def on(url: str) -> Callable[[Settings], Settings]:
    def change(settings: Settings) -> Settings:
        return dataclasses.replace(
            settings, database=DatabaseSettings(url), security=Security(data_key=KEY.hex())
        )

    return change


async def sql(db: Database, statement: str, **given: object) -> list[tuple[Any, ...]]:
    def run(connection: sa.Connection) -> list[tuple[Any, ...]]:
        found = connection.execute(sa.text(statement), given)
        return [tuple(row) for row in found] if found.returns_rows else []

    return await db.write(run)


async def upgraded_by_the_next_version(db: Database, *, compatible_from: str) -> None:
    """One more migration that only adds, with the mark that `db upgrade` of that version leaves."""
    await sql(db, "ALTER TABLE orders ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    await sql(db, "ALTER TABLE inbox ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    await sql(db, "ALTER TABLE outbox ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    await sql(db, f"UPDATE alembic_version SET version_num = '{NEXT}'")
    value = f"{NEXT} {compatible_from}".encode()
    await sql(db, "UPDATE marks SET value = :value WHERE name = :name", value=value, name=COMPATIBLE_MARK)


async def row_of_the_next_version(db: Database, key: str, body: dict[str, Any], lane: str) -> None:
    await sql(
        db,
        "INSERT INTO outbox (key, lane, priority, body, trace_id, state, due, created_at)"
        " VALUES (:key, :lane, 0, :body, 'trace-next', 'ready', 1, 1)",
        key=key, lane=lane, body=orjson.dumps(body).decode(),
    )  # fmt: skip


SUBJECT = {"type": "order", "id": "1"}
TO = {
    "account": {"platform": "wecom", "app": "main", "user_id": "linxiaoman"},
    "chat_id": "",
    "reply_url": "",
    "reply_until": None,
}
UNKNOWN = {
    "kind": ({"type": "send_voice", "body": {"to": TO, "voice": "x"}}, "wecom:main:a"),
    "shape": ({"type": "send_text", "body": {"into": TO, "text": "x"}}, "wecom:main:b"),
    "effect": (
        {"type": "effect", "body": {"name": "order.paint", "subject": SUBJECT, "args": {}}},
        "effect:order:1",
    ),
    "card": (
        {"type": "send_card", "body": {"to": TO, "subject": {"type": "hologram", "id": "1"}, "params": {}}},
        "wecom:main:linxiaoman",
    ),
}


@pytest.mark.timeout(300)
async def test_this_version_works_on_beside_the_next_one(postgres_database: str, tmp_path: Path) -> None:
    url = as_settings(postgres_database)
    next_version = open_database(url, clock=SystemClock(), data_key=KEY)
    await next_version.upgrade()
    await upgraded_by_the_next_version(next_version, compatible_from=HEAD)
    beating = asyncio.create_task(keep_beating(next_version))
    for key, (body, lane) in UNKNOWN.items():
        await row_of_the_next_version(next_version, key, body, lane)
    await next_version.inbox.put("wecom", "main", "hologram", "h1", b"<xml></xml>", "trace-next")
    new_job = JobInfo("paint", "上色", "每天", "admin", next_due=SystemClock().now() + timedelta(days=1))
    await JobSlots(next_version.engines, next_version.owner).register([new_job])
    async with open_office(tmp_path, change=on(url)) as office:
        number = await office.order("129.00")
        await office.say("wecom", LIN, f"查单 {number}")
        await office.card(
            "wecom", LIN, number, "已付款"
        )  # the unknown card in the same lane is not in the way
        async with office.http.get(office.base.replace("/sandbox", "/readyz")) as answer:
            assert answer.status == 200, await answer.text()
        await until(lambda: all_left(next_version), PATIENCE)
        ((outcome,),) = await handled(next_version, "h1")
        assert outcome == "unhandled"
        await until(lambda: on_the_list(next_version, "sync"), PATIENCE)
        assert await on_the_list(next_version, "paint"), "a new version's job was taken off the list"
        # Nobody came for it: after the time in the settings a person is told.
        office.desk.db.outbox.patience = timedelta(0)
        await until(lambda: all_dead(next_version), PATIENCE)
    beating.cancel()
    await next_version.close()


async def keep_beating(db: Database) -> None:
    while True:
        await db.processes.beat(["scheduler", "worker"], "host-next", NEXT)
        await asyncio.sleep(1)


async def states(db: Database) -> dict[str, tuple[str, str]]:
    rows = await sql(db, "SELECT key, state, error FROM outbox")
    return {key: (state, error) for key, state, error in rows if key in UNKNOWN}


async def all_left(db: Database) -> bool:
    found = await states(db)
    return all(state == "ready" and error for state, error in found.values())


async def all_dead(db: Database) -> bool:
    return {state for state, _ in (await states(db)).values()} == {"dead"}


async def handled(db: Database, key: str) -> list[tuple[Any, ...]]:
    async def done() -> bool:
        return bool(await sql(db, "SELECT 1 FROM inbox WHERE key = :key AND state = 'done'", key=key))

    await until(done, PATIENCE)
    return await sql(db, "SELECT outcome FROM inbox WHERE key = :key", key=key)


async def on_the_list(db: Database, name: str) -> bool:
    return bool(await sql(db, "SELECT 1 FROM jobs WHERE name = :name", name=name))


async def test_a_row_left_over_is_taken_by_whoever_knows_it(postgres_database: str) -> None:
    """The old process puts it off, its lane goes on, and the try does not count; the new one then has its turn."""
    db = open_database(postgres_database, clock=SystemClock(), data_key=KEY)
    await db.upgrade()
    body, lane = UNKNOWN["kind"]
    await row_of_the_next_version(db, "k", body, lane)
    assert await db.outbox.claim(10, 60.0, ()) == []
    ((state, attempts, due),) = await sql(db, "SELECT state, attempts, due FROM outbox")
    assert (state, attempts) == ("ready", 0)
    assert due > SystemClock().now().timestamp() * 1_000_000
    known = orjson.dumps({"type": "send_text", "body": {"to": TO, "text": "x"}}).decode()
    await sql(
        db, "UPDATE outbox SET body = :body, due = 1", body=known
    )  # as the version that knows it reads it
    (item,) = await db.outbox.claim(10, 60.0, ())
    assert item.attempts == 1
    await db.close()


async def test_a_job_that_is_gone_leaves_the_list_when_nobody_else_schedules(postgres_database: str) -> None:
    db = open_database(postgres_database, clock=SystemClock(), data_key=KEY)
    other = open_database(postgres_database, clock=SystemClock(), data_key=KEY)
    await db.upgrade()
    now = SystemClock().now()
    slots, theirs = JobSlots(db.engines, db.owner), JobSlots(other.engines, other.owner)
    ours = JobInfo("sync", "同步", "每天", "admin", next_due=now)
    gone = JobInfo("gone", "旧的", "每天", "admin", next_due=now - timedelta(days=2))
    new = JobInfo("new", "新的", "每天", "admin", next_due=now + timedelta(hours=1))
    await db.processes.beat(["scheduler"], "a", HEAD)
    await theirs.register([ours, new])
    await sql(db, "INSERT INTO jobs (name, title, schedule, owner, enabled, next_due) SELECT 'gone', title,"
                  " schedule, owner, enabled, :due FROM jobs WHERE name = 'new'", due=micros(gone))  # fmt: skip
    await other.processes.beat(["scheduler"], "b", NEXT)
    assert set(await slots.register([ours])) == {"sync", "new"}, "only what nobody plants any more may go"
    await other.processes.leave()
    assert set(await slots.register([ours])) == {"sync"}
    await other.close()
    await db.close()


def micros(info: JobInfo) -> int:
    assert info.next_due is not None
    return int(info.next_due.timestamp() * 1_000_000)


# --- tables this version must not work on -----------------------------------------------------------------


async def test_tables_of_a_version_that_excludes_this_one(postgres_database: str, tmp_path: Path) -> None:
    """A server that runs turns /readyz; one that starts says why it does not."""
    url = as_settings(postgres_database)
    db = open_database(url, clock=SystemClock(), data_key=KEY)
    await db.upgrade()
    async with open_office(tmp_path, change=on(url)) as office:
        await upgraded_by_the_next_version(db, compatible_from=NEXT)
        assert await db.form() is Form.TOO_NEW
        async with office.http.get(office.base.replace("/sandbox", "/readyz")) as answer:
            assert answer.status == 503
            assert "later version" in (await answer.json())["problems"][0]
        with pytest.raises(DatabaseBehind, match=f"升级到 {NEXT}.*请启动新版本"):
            await make_ready(db)
        ended = await asyncio.to_thread(serve, write_config(office, tmp_path, url))
    assert ended.returncode == 2
    assert f"数据库已被更新的版本升级到 {NEXT}" in ended.stderr
    assert "Traceback" not in ended.stderr
    await db.close()


def write_config(office: Office, folder: Path, url: str) -> Path:
    data = settings_data(credentials(office.sandbox), port=0, folder=folder)
    data |= {"database": {"url": url}, "security": {"data_key": KEY.hex()}}
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return file


def serve(config: Path) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("QIANSHAO__")}
    command = [sys.executable, "-m", "bot", "serve", "--config", str(config), "--roles", "web"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("revision", "mark", "form"),
    [
        (HEAD, f"{HEAD} {COMPATIBLE_FROM}", Form.OURS),
        (NEXT, f"{NEXT} {HEAD}", Form.NEWER),
        (NEXT, f"{NEXT} {COMPATIBLE_FROM}", Form.NEWER),
        (NEXT, f"{NEXT} {NEXT}", Form.TOO_NEW),
        (NEXT, f"{HEAD} {COMPATIBLE_FROM}", Form.TOO_NEW),  # the mark is not of this revision
        (NEXT, "", Form.TOO_NEW),
        ("0011", "", Form.BEHIND),
    ],
)
async def test_what_the_tables_are_to_this_version(
    tmp_path: Path, revision: str, mark: str, form: Form
) -> None:
    """On SQLite, where an older version that is put back must start as well."""
    db = open_database(f"sqlite:///{tmp_path / 'q.db'}", clock=SystemClock(), data_key=KEY)
    await db.upgrade()
    await sql(db, "UPDATE alembic_version SET version_num = :revision", revision=revision)
    await sql(
        db, "UPDATE marks SET value = :mark WHERE name = :name", mark=mark.encode(), name=COMPATIBLE_MARK
    )
    assert await db.form() is form
    assert await db.at_head() is form.usable
    if form is Form.NEWER:
        await make_ready(db)
        assert await sql(db, "SELECT version_num FROM alembic_version") == [(NEXT,)]
    await db.close()


# --- the rule that makes it possible ------------------------------------------------------------------------

_ADDS = {"create_table", "add_column", "create_index", "drop_index", "get_bind"}


@pytest.mark.parametrize(
    "file",
    [
        p
        for p in sorted((ROOT / "storage/migrations/versions").glob("0*.py"))
        if p.name[:4] >= COMPATIBLE_FROM
    ],
    ids=lambda path: path.stem,
)
def test_a_migration_that_older_code_works_beside_only_adds(file: Path) -> None:
    """One that takes away or changes raises COMPATIBLE_FROM to its own number."""
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "op":
            assert call.func.attr in _ADDS, f"op.{call.func.attr} in {file.name}"
            if call.func.attr == "add_column":
                given = {keyword.arg for keyword in ast.walk(call) if isinstance(keyword, ast.keyword)}
                assert "server_default" in given or nullable(call), (
                    f"{file.name}: older code does not fill it"
                )


def nullable(call: ast.Call) -> bool:
    found = [k.value for k in ast.walk(call) if isinstance(k, ast.keyword) and k.arg == "nullable"]
    return all(isinstance(value, ast.Constant) and value.value is True for value in found)


def test_head_and_the_oldest_code_are_revisions_in_order() -> None:
    assert COMPATIBLE_FROM <= HEAD < NEXT
    assert schema.HEAD == HEAD
