"""The worked example of docs/jobs.md, run as it stands on the page; and the settings shown there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jobs
from bot.settings import settings_from_text
from domain.keep_policy import KeepPolicy
from jobs import purge
from tests.office import PLATFORMS, ZHAO, open_office

PAGE = Path(__file__).parent.parent.parent / "docs" / "jobs.md"


def block(language: str) -> str:
    code = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    return code[1]


@pytest.fixture
def shelves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One file more in `jobs/`: nothing else is told about it."""
    (tmp_path / "shelves.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.setattr(jobs, "__path__", [*jobs.__path__, str(tmp_path)])
    yield
    sys.modules.pop("jobs.shelves", None)


@pytest.mark.usefixtures("shelves")
async def test_a_new_job_is_one_file(tmp_path: Path) -> None:
    async with open_office(tmp_path / "office") as office:
        for platform in PLATFORMS:
            await office.say(platform, ZHAO, "任务")
            await office.card(platform, ZHAO, "货架盘点 每天 02:00")
            await office.say(platform, ZHAO, "运行 货架盘点 2026-01-04")
            await office.card(platform, ZHAO, "货架盘点 完成", "货架 3")
            await office.quiet()


def test_the_settings_on_the_page_are_the_defaults() -> None:
    settings = settings_from_text(block("yaml"), environ={})
    assert settings.policies.keep == KeepPolicy()
    assert settings.jobs["purge"].cron == purge.JOB.cron
