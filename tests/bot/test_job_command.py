"""`job list` and `job run` on the command line, beside no server and beside one that holds the database."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import jobs
from bot.cli import main
from bot.single import only_one

CONFIG = """
database: {{url: "sqlite+aiosqlite:///{folder}/test.db"}}
staff:
  - {{name: 吴维, roles: [admin]}}
"""
PLANTED = '''
"""Counts what it is given."""
from datetime import timedelta

from jobs.registry import Job


async def run(context):
    for number in range(3):
        await context.progress(number + 1, 3, "货架")
    if "fail" in context.args:
        raise RuntimeError(context.args["fail"])
    return {"秒": int(context.due.timestamp()), "按": len(context.asked_by or "") }


JOB = Job("shelves", "货架盘点", run, every=timedelta(hours=6))
'''


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "shelves.py").write_text(PLANTED, encoding="utf-8")
    monkeypatch.setattr(jobs, "__path__", [*jobs.__path__, str(folder)])
    yield
    sys.modules.pop("jobs.shelves", None)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    return path


def job(config: Path, *arguments: str) -> int:
    return main(["job", "--config", str(config), *arguments])


def runs(config: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(config.with_name("test.db"))) as db:
        return db.execute("SELECT state, asked_by, args, due FROM job_runs ORDER BY created_at").fetchall()


def test_the_list_names_schedule_owner_and_last_run(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert job(config, "list") == 0
    out = capsys.readouterr().out
    assert "shelves  货架盘点  每 6 小时  负责 管理员\n    — 还没跑过，下次 " in out
    assert "purge  清理旧数据  每天 03:30" in out
    assert job(config, "run", "shelves") == 0
    capsys.readouterr()
    assert job(config, "list") == 0
    assert "✔" in capsys.readouterr().out


def test_a_run_at_a_moment_with_arguments(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert job(config, "run", "shelves", "--at", "2026-01-05T02:00", "--arg", "date=2026-01-04") == 0
    assert "✔ shelves 完成" in capsys.readouterr().out
    ((state, asked_by, args, due),) = runs(config)
    assert (state, asked_by, json.loads(str(args))) == ("done", "cli", {"date": "2026-01-04"})
    assert due == 1767549600 * 10**6  # 02:00 in Shanghai
    assert job(config, "run", "shelves", "--at", "2026-01-05T02:00+00:00") == 0
    assert runs(config)[1][3] == 1767578400 * 10**6


def test_a_failure_is_exit_code_1(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert job(config, "run", "shelves", "--arg", "fail=货架倒了") == 1
    assert "✘ shelves 失败" in (out := capsys.readouterr().out)
    assert "货架倒了" in out
    assert runs(config)[0][0] == "failed"


def test_an_unknown_name_is_told_with_the_nearest(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert job(config, "run", "shelfs") == 2
    assert "没有任务 shelfs，是不是 shelves？" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["x", "=1"])
def test_what_is_no_pair_is_refused(config: Path, capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert job(config, "run", "shelves", "--arg", word) == 2
    assert "要写成 键=值" in capsys.readouterr().err


def test_a_moment_that_is_none_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        job(config, "run", "shelves", "--at", "soon")
    assert caught.value.code == 2
    assert "2026-01-05T02:00" in capsys.readouterr().err


def test_a_server_that_holds_the_database_is_asked_in_chat(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job(config, "list") == 0
    held = only_one(f"sqlite+aiosqlite:///{config.with_name('test.db')}")
    assert held is not None
    try:
        assert job(config, "run", "shelves") == 2
        assert "请在聊天里发：运行 shelves" in capsys.readouterr().err
        assert job(config, "list") == 0  # looking is no harm
    finally:
        held.close()
