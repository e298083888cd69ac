"""Replays of the recorded day in tests/fixtures: the same build is the same, every change is named and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined

import cards.words
from bot import logs
from bot.cli import main
from bot.effects import digest as digest_effects
from bot.replay.compare import Difference, compare
from bot.replay.recording import Recording, read_recording
from bot.replay.run import Replayed, replay
from bot.settings import Settings, load
from domain.money import Money
from domain.outbox import Priority
from domain.policy import RefundPolicy
from tests.story.recorded_day import DAY_FILE, sandbox_config

FACTS = {"rule.facts.金额", "facts.金额"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_config(tmp_path_factory.mktemp("replay"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logs.configure("error", "console")
    yield
    logs.configure("info", "console")


@pytest.fixture(scope="module")
def first_hour(config: Path) -> tuple[Recording, Settings]:
    """The recording up to the first evening, with what this build makes of it as its outcome: the part of the day that
    holds every look-up and refund, worked in a second."""
    settings = load(config)
    day = read_recording(DAY_FILE, None)
    evening = [
        entry["t"] for entry in day.entries_of("clock") if entry["t"] > day.outcome.inbox[-2]["received_at"]
    ]
    until = evening[0] - 1
    rows = [row for row in day.outcome.inbox if row["received_at"] <= until]
    hour = replace(
        day,
        until=until,
        entries=[entry for entry in day.entries if entry["t"] <= until],
        outcome=replace(day.outcome, inbox=rows),
    )
    return replace(hour, outcome=worked(hour, settings).outcome), settings


def worked(recording: Recording, settings: Settings) -> Replayed:
    return asyncio.run(replay(recording, settings, None))


def differences(hour: tuple[Recording, Settings], **changes: object) -> list[Difference]:
    recording, settings = hour
    made = worked(recording, replace(settings, **changes))  # type: ignore[arg-type]  # names and types are the test's
    return list(compare(recording.outcome, made.outcome, made.strange).differences)


def test_the_day_of_the_fixtures_is_the_same(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The regression net: what this build makes of it is what stands in the recording, card by card."""
    assert main(["replay", str(DAY_FILE), "--config", str(config)]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.startswith("一致：")


def test_nothing_changed_is_no_difference(first_hour: tuple[Recording, Settings]) -> None:
    assert first_hour[0].outcome.audit
    assert differences(first_hour) == []


def test_other_words_are_named_and_only_they(
    first_hour: tuple[Recording, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(cards.words.__file__).parent
    text = (folder / "not_found.j2").read_text(encoding="utf-8")
    assert "请核对号码" in text
    changed = {"not_found.j2": text.replace("请核对号码", "请看一下号码")}
    loader = ChoiceLoader([DictLoader(changed), FileSystemLoader(folder)])
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - chat text
    monkeypatch.setattr(cards.words, "_environment", lambda: environment)
    found = differences(first_hour)
    assert [one.kind for one in found] == ["消息", "消息"]  # one on each platform
    for one in found:
        assert one.lines == (
            "- 请核对号码，或换运单号、手机号再试。",
            "+ 请看一下号码，或换运单号、手机号再试。",
        )
        assert len(one.trace) == 16
    assert {one.subject.split(":")[0] for one in found} == {"wecom", "dingtalk"}


def test_another_rule_is_named_at_the_refunds_it_decides_and_no_other(
    first_hour: tuple[Recording, Settings],
) -> None:
    """With 20 yuan instead of 50, the two refunds of 30 want a person; those of 100 always did."""
    recording, settings = first_hour
    policies = replace(settings.policies, refund=RefundPolicy(auto_limit=Money(2000)), version="other")
    found = differences(first_hour, policies=policies)
    rows = {row["number"]: row for row in recording.outcome.decided["refunds"]}
    small = {number for number, row in rows.items() if row["amount"] == 3000}
    assert len(small) == 2
    states = {one.subject.removeprefix("refunds:"): one.lines for one in found if one.kind == "状态"}
    assert set(states) == set(rows)
    for number in small:
        assert "- process: success" in states[number]
        assert "+ process: applied" in states[number]
        assert "+ rule.name: refund.manual" in states[number]
    for number in set(rows) - small:  # decided as before; only the limit it was held against is another
        assert states[number] == (
            "- rule.facts.金额: ¥100.00，免审上限 ¥50.00",
            "+ rule.facts.金额: ¥100.00，免审上限 ¥20.00",
        )
    asked = [one for one in found if one.kind == "卡片" and one.name.startswith("ask.RF")]
    assert {one.name.split(".")[1] for one in asked} == small  # their approvers are asked now
    done = {one.name for one in found if one.kind == "外部"}
    assert {word for name in done if "agree_refund" in name for word in small if word in name} == small
    others = [one for one in found if any(number in one.name + one.subject for number in set(rows) - small)]
    assert {one.kind for one in others} <= {"状态", "决定"}
    assert {line[2:].partition(":")[0] for one in others for line in one.lines} <= FACTS


def test_another_priority_is_named_row_by_row(
    first_hour: tuple[Recording, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = SimpleNamespace(ANSWER=Priority.ANSWER, DIGEST=Priority.YELLOW)
    monkeypatch.setattr(digest_effects, "Priority", hurried)
    found = differences(first_hour)
    rows = [row["key"] for row in first_hour[0].outcome.outbox if row["key"].startswith("digest.")]
    told = [key for key in rows if key.endswith((".text", ".card", ".picture"))]
    assert told
    assert sorted(one.name for one in found) == sorted(told)
    for one in found:
        before, after = one.lines
        assert (before[0], after[0]) == ("-", "+")
        assert before[2:] == after[2:].replace("优先级 20", "优先级 30")


def test_a_call_that_the_recording_does_not_know_is_named(first_hour: tuple[Recording, Settings]) -> None:
    """Without the shop's answer to one question, the build asks in vain: the question is the difference."""
    recording, settings = first_hour
    number = next(row for row in recording.outcome.decided["refunds"])["platform_order_id"]
    lost = [
        entry
        for entry in recording.entries
        if not (entry["what"] == "call" and entry["name"] == "get_order" and entry["key"] == number)
    ]
    made = worked(replace(recording, entries=lost), settings)
    found = compare(recording.outcome, made.outcome, made.strange).differences
    asked = [one for one in found if one.kind == "外部" and f"get_order {number}" in one.name]
    assert asked
    assert asked[0].lines == ("+ 录像里没有这个调用",)


def test_two_versions_by_hand(
    config: Path,
    first_hour: tuple[Recording, Settings],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one version made is kept, and another is held against it instead of the recording."""
    from bot.replay.recording import write_recording
    from cards import refund

    hour, old = tmp_path / "hour.replay", tmp_path / "old.replay"
    write_recording(hour, first_hour[0], None)
    monkeypatch.setitem(refund.RULE_NAMES, "refund.manual", "要人批")
    assert main(["replay", str(hour), "--config", str(config), "--save", str(old)]) == 1
    told = capsys.readouterr().out
    assert "- 规则: 人工审批" in told
    assert "+ 规则: 要人批" in told
    assert "不同 " in told
    assert main(["replay", str(hour), "--config", str(config), "--against", str(old)]) == 0
    assert capsys.readouterr().out.startswith("一致：")
