"""A day on both platforms, recorded while it happened, worked again by the same build: nothing may be different."""

from __future__ import annotations

import asyncio
import json
import zipfile
from pathlib import Path

import pytest

from bot.cli import main
from tests.office import LIN, open_office
from tests.story.recorded_day import live_and_keep, refund, settled, sold, write_config
from tests.story.recorded_day import settings_of as office_settings


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of an office that lived the day and has closed; its journal and its database are there."""
    return asyncio.run(live_and_keep(tmp_path_factory.mktemp("day")))


def test_a_recorded_day_comes_out_the_same(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "day.replay"
    assert main(["replay", "--record", str(file), "--config", str(config)]) == 0
    assert "从空数据库" in capsys.readouterr().out
    assert main(["replay", str(file), "--config", str(config)]) == 0, capsys.readouterr().out
    told = capsys.readouterr().out
    assert told.startswith("一致：收到 ")
    assert "回放用了" in told
    for kind in ("消息", "卡片", "动作", "画面", "决定", "状态", "任务", "日报"):
        assert kind in told  # of each there was something to compare


def test_what_is_recorded_is_sealed(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "day.replay"
    assert main(["replay", "--record", str(file), "--config", str(config)]) == 0
    assert "没有加密" not in capsys.readouterr().err
    with zipfile.ZipFile(file) as made:
        held = b"".join(made.read(name) for name in made.namelist())
    journal = b"".join(one.read_bytes() for one in (config.parent / "journal").iterdir())
    for content in (held, journal):
        for words in ("北欧布艺", "linxiaoman", "破损"):
            assert words.encode() not in content
            assert json.dumps(words).strip('"').encode() not in content
    assert file.stat().st_mode & 0o077 == 0
    other = tmp_path / "other.yaml"
    other.write_text(f"database: {{url: 'sqlite+aiosqlite:///{tmp_path}/other.db'}}\n", encoding="utf-8")
    assert main(["replay", str(file), "--config", str(other)]) == 2
    assert "另一把数据密钥" in capsys.readouterr().err
    assert main(["replay", "--record", str(file), "--config", str(config)]) == 2  # never overwritten
    assert "没有覆盖" in capsys.readouterr().err


def test_a_recording_may_begin_with_a_database_full_of_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = asyncio.run(_two_mornings(tmp_path))
    file = tmp_path / "later.replay"
    assert main(["replay", "--record", str(file), "--config", str(config)]) == 0
    assert "从录制开始时的数据库" in capsys.readouterr().out
    assert main(["replay", str(file), "--config", str(config), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["same"]
    assert (
        report["counted"]["收到"] == 2
    )  # the look-up and the refund of the second morning; not the first one's
    assert report["counted"]["状态"] >= 1


async def _two_mornings(folder: Path) -> Path:
    """The first is not recorded; the second knows its order."""
    async with open_office(folder) as office:
        number = await sold(office, "buyer-1")
        await office.say("wecom", LIN, number)
        await office.card("wecom", LIN, number, "¥129.00")
        await settled(office)
    async with open_office(folder, record=folder / "journal") as office:
        await office.say("wecom", LIN, f"查单 {number}")
        await settled(office)
        await office.card("wecom", LIN, await refund(office, "wecom", number, "30 少发一件"), "已退款")
        await settled(office)
        return write_config(folder, office_settings(office, folder, folder / "journal"))
