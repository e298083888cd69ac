"""`jobs:` and `policies.keep`: what may be changed, and every fault with its line and what to write."""

from __future__ import annotations

import pytest

from bot.job_settings import JobSettings
from bot.settings import settings_from_text
from bot.settings_errors import SettingsError
from jobs.registry import Late

STAFF = "staff:\n  - {name: 甲, roles: [admin]}\n"


def faults(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_from_text(f"{STAFF}{text}", environ={})
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jobs: 5", "第 3 行 jobs：要填一组任务"),
        ("jobs:\n  purg: {}", "第 4 行 jobs.purg：没有这个设置，是不是 jobs.purge？"),
        ("jobs:\n  purge:\n    evry: 5m", "第 5 行 jobs.purge.evry：没有这个设置，是不是 jobs.purge.every？"),
        ("jobs:\n  purge:\n    cron: 0 25 * * *", "第 5 行 jobs.purge.cron：cron 的“时”写得不对：'25'。可以写 0-23"),
        ("jobs:\n  purge:\n    cron: 0 2 30 2 *", "第 5 行 jobs.purge.cron：cron '0 2 30 2 *' 永远不会到"),
        ("jobs:\n  purge:\n    every: 0.5s", "第 5 行 jobs.purge.every：间隔至少 1 秒"),
        ("jobs:\n  purge:\n    every: 0", "第 5 行 jobs.purge.every：间隔至少 1 秒"),
        ("jobs:\n  purge:\n    every: 1.5", "第 5 行 jobs.purge.every：间隔要是整秒"),
        ("jobs:\n  purge:\n    every: soon", "第 5 行 jobs.purge.every：要填时长，例如 30m、2h、1d，现在是 'soon'"),
        ("jobs:\n  purge:\n    limit: 0s", "第 5 行 jobs.purge.limit：时限要大于 0"),
        ("jobs:\n  purge:\n    limit: long", "第 5 行 jobs.purge.limit：要填时长"),
        ("jobs:\n  purge:\n    owner: financ", "第 5 行 jobs.purge.owner：不认识 'financ'，是不是 finance？"),
        ("jobs:\n  purge:\n    owner: 乙", "jobs.purge.owner：不认识 '乙'"),
        ("jobs:\n  purge:\n    late: al", "第 5 行 jobs.purge.late：不认识 'al'，是不是 all？"),
        ("jobs:\n  purge:\n    enabled: maybe", "第 5 行 jobs.purge.enabled：要填 true 或 false"),
        ("jobs:\n  purge: {every: 5m, cron: 0 2 * * *}", "jobs.purge.every：every 和 cron 只写一个"),
        ("jobs: {purge: [5m]}", "jobs.purge：要填一组设置"),
        ("policies:\n  keep:\n    inbox_days: 0", "第 5 行 policies.keep.inbox_days：至少保留 1 天，现在是 0"),
        ("policies:\n  keep:\n    inbx_days: 3", "是不是 policies.keep.inbox_days？"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line_and_what_to_write(text: str, words: str) -> None:
    assert words in faults(text)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", JobSettings()),
        ("enabled: false", JobSettings(enabled=False)),
        ("every: 90", JobSettings(every="90s")),
        ("every: 2h", JobSettings(every="2h")),
        ("cron: '15 4 * * 1-5'", JobSettings(cron="15 4 * * 1-5")),
        ("owner: 财务", JobSettings(owner="finance")),
        ("owner: 甲", JobSettings(owner="甲")),
        ("late: all", JobSettings(late=Late.ALL)),
        ("limit: 1h30m", JobSettings(limit="1h30m")),
    ],
)
def test_what_may_be_changed(text: str, settings: JobSettings) -> None:
    found = settings_from_text(f"{STAFF}jobs:\n  purge: {{{text}}}", environ={}).jobs
    assert found == {"purge": settings}


def test_how_long_things_are_kept() -> None:
    keep = settings_from_text("policies: {keep: {inbox_days: 7}}", environ={}).policies.keep
    assert (keep.inbox_days, keep.outbox_days) == (7, 90)
