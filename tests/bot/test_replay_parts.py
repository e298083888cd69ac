"""The parts of a replay one by one: values, journals, recordings, the clock that was moved, what belongs together."""

from __future__ import annotations

import asyncio
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from bot.faults import CannotRun
from bot.replay.clock import ReplayClock, at, passed
from bot.replay.codec import Unknown, decode, decode_error, encode, encode_error
from bot.replay.compare import compare
from bot.replay.gate import EFFECT, RUN, Gate, held
from bot.replay.journal import Journal, entries, forget_old, kept_journals
from bot.replay.players import masked
from bot.replay.recording import Outcome, Recording, read_head, read_recording, write_recording
from bot.replay.tape import WatchedClock
from cards.door import Refused, Retry, Sent
from domain.clock import ManualClock
from domain.numbers import number, numbers_from
from domain.order import Order
from domain.payment import BillNotReady
from domain.ports import NotFound, Throttled, Unreadable
from storage.errors import WrongDataKey
from storage.secrets import DataKeys
from tests.storage.factory import make_order

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
KEYS = DataKeys(bytes(range(32)))


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        make_order(),
        Unreadable("1", '{"x": "测试"}', "缺金额"),
        Sent({"task_id": "qs1", "taps": [{"code": "c"}]}, "msg-1"),
        (NOON, NOON.date(), timedelta(minutes=3), b"\x00\xff", None, 1.5, True),
        {"a": [1, (2, 3)]},
    ],
)
def test_what_a_far_side_said_is_the_same_thing_again(value: object) -> None:
    assert decode(json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(
    "error",
    [
        NotFound("没有"),
        Throttled("慢一点", 3.5),
        Refused("不行", code="40008"),
        BillNotReady("早", retry_after=60),
    ],
)
def test_an_error_comes_again_with_all_it_carries(error: Exception) -> None:
    again = decode_error(json.loads(json.dumps(encode_error(error))))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_only_values_of_the_domain_are_made_from_a_recording() -> None:
    for name in ("os:system", "bot.compose:build_desk", "domain.order:replace", "cards.door:nothing"):
        with pytest.raises(Unknown):
            decode({"$": name, "v": {}})


def test_a_build_with_other_fields_reads_what_it_knows() -> None:
    recorded = encode(make_order())
    recorded["v"]["field_of_tomorrow"] = 1
    del recorded["v"]["seller_remark"]
    again = decode(recorded)
    assert isinstance(again, Order)
    assert again == replace(make_order(), seller_remark="")
    del recorded["v"]["key"]
    with pytest.raises(Unknown, match="Order"):
        decode(recorded)


# --- journals and recordings -------------------------------------------------------------------------------


def journal_in(folder: Path, name: str = "j1", at: int = 1) -> Journal:
    journal = Journal(folder, name, KEYS)
    journal.open({"t": at, "starts": True})
    return journal


def test_a_journal_is_sealed_line_by_line_and_whole_up_to_where_it_was_cut(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for n in range(3):
        journal.write({"what": "call", "t": n, "answer": "北欧布艺沙发套"})
    journal.close()
    file = tmp_path / "j1.journal"
    assert "北欧".encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert [entry["t"] for entry in entries(file, KEYS)] == [1, 0, 1, 2]
    os.truncate(file, file.stat().st_size - 10)
    assert [entry["t"] for entry in entries(file, KEYS)] == [1, 0, 1]
    with pytest.raises(WrongDataKey):
        list(entries(file, DataKeys(bytes(32))))


def test_old_journals_are_forgotten_and_only_they(tmp_path: Path) -> None:
    for name in ("old", "new"):
        journal_in(tmp_path, name).close()
        (tmp_path / f"{name}.start.db").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for name in ("old.journal", "old.start.db", "notes.txt"):
        os.utime(tmp_path / name, (1000, 1000))
    assert forget_old(tmp_path, 2000) == 2
    assert {file.name for file in tmp_path.iterdir()} == {"new.journal", "new.start.db", "notes.txt"}
    assert [one.start for one in kept_journals(tmp_path, KEYS)] == [tmp_path / "new.start.db"]


def small(text: str = "你好") -> Recording:
    row: dict[str, Any] = {
        "platform": "wecom",
        "app": "main",
        "key": "k1",
        "trace_id": "ab" * 8,
        "subject": "",
        "state": "done",
        "outcome": text,
        "detail": "",
        "error": "",
    }
    return Recording(0, 10, [{"what": "clock", "t": 1, "to": 2}], Outcome(inbox=[row]), b"SQLite")


@pytest.mark.parametrize("seal", [KEYS, None])
def test_a_recording_comes_back_as_it_was(tmp_path: Path, seal: DataKeys | None) -> None:
    file = tmp_path / "a.replay"
    write_recording(file, small(), seal)
    assert read_recording(file, seal) == small()
    assert read_head(file)["inbox"] == 1
    with zipfile.ZipFile(file) as made:
        assert ("你好".encode() in made.read("outcome.jsonl")) is (seal is None)
    with pytest.raises(CannotRun, match="没有覆盖"):
        write_recording(file, small("再"), seal)
    assert read_recording(file, seal) == small()


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    write_recording(tmp_path / "sealed", small(), KEYS)
    with pytest.raises(CannotRun, match="加密"):
        read_recording(tmp_path / "sealed", None)
    with pytest.raises(CannotRun, match="另一把"):
        read_recording(tmp_path / "sealed", DataKeys(bytes(32)))
    (tmp_path / "text").write_text("x", encoding="utf-8")
    with pytest.raises(CannotRun, match="不是回放用的录像"):
        read_head(tmp_path / "text")
    with pytest.raises(CannotRun, match="没有文件"):
        read_head(tmp_path / "missing")


def test_the_command_line_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"database: {{url: 'sqlite+aiosqlite:///{tmp_path}/a.db'}}\n", encoding="utf-8")
    for words, told in (
        (["replay"], "用法"),
        (["replay", "a", "--record", "b"], "用法"),
        (["replay", "--record", str(tmp_path / "b")], "没有在录"),
        (["replay", "a", "--from", "2026-01-05"], "和 --record 一起用"),
        (["replay", str(tmp_path / "none")], "没有文件"),
    ):
        assert main([*words, "--config", str(config)]) == 2
        assert told in capsys.readouterr().err
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}replay: {{record: '{tmp_path}/journal'}}\n", encoding="utf-8")
    assert main(["replay", "--record", str(tmp_path / "b"), "--config", str(config)]) == 2
    assert "没有录到东西" in capsys.readouterr().err


# --- the clock, numbers, names -----------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The machine's own clock, to be moved by hand."""
    seconds = [100.0]
    monkeypatch.setattr("bot.replay.tape.time.monotonic", lambda: seconds[0])
    return iter([seconds])


def test_a_clock_that_somebody_moves_is_noted_and_one_that_runs_or_stands_is_not(machine: Any) -> None:
    seconds = next(machine)
    inner, noted = ManualClock(NOON), list[Mapping[str, Any]]()
    clock = WatchedClock(inner, noted.append)
    clock.now()
    for _ in range(3):  # it runs
        inner.advance(60)
        seconds[0] += 60
        clock.now()
    seconds[0] += 3600  # it stands
    clock.now()
    assert noted == []
    inner.advance(7200)
    seconds[0] += 0.2
    clock.now()
    inner.advance(-600)
    clock.now()
    moved = [(one["to"] - one["t"]) / 1_000_000 for one in noted]
    assert moved == [pytest.approx(7199.8), pytest.approx(-600)]


def test_the_replay_s_clock_never_reads_the_same_twice_and_may_be_elsewhere_for_one_piece_of_work() -> None:
    clock = ReplayClock(NOON)
    first, second = clock.now(), clock.now()
    assert second - first == timedelta(microseconds=1)
    clock.move(clock.base - 5)
    assert clock.now() > second  # back only by a jump
    with at(clock.base + 90_000_000):
        assert clock.now() - NOON > timedelta(seconds=90)
        passed(clock.base + 95_000_000)
        assert clock.now() - NOON > timedelta(seconds=95)
    assert clock.now() - NOON < timedelta(seconds=1)


def test_numbers_are_those_that_are_given() -> None:
    class Known:
        def draw(self, prefix: str, about: str) -> str | None:
            return "RF260301ABCDEF" if (prefix, about) == ("RF", "7") else None

    with numbers_from(Known()):
        assert number("RF", NOON.date(), "7") == "RF260301ABCDEF"
        assert number("RF", NOON.date(), "8") != number("RF", NOON.date(), "8")
    assert number("RF", NOON.date(), "7").startswith("RF260301")


async def test_a_run_waits_for_its_answer_until_time_has_come_and_a_chat_send_does_not() -> None:
    gate, answers = Gate(), list[str]()

    async def asks(kind: str, name: str, moment: int) -> None:
        with held(kind, name):
            await gate.until(moment)
        answers.append(name)

    tasks = [
        asyncio.create_task(asks(RUN, "pull", 30)),
        asyncio.create_task(asks(RUN, "pull", 20)),
        asyncio.create_task(asks(EFFECT, "refund", 10)),
    ]
    await gate.until(99)  # not held: at once
    await asyncio.sleep(0)
    assert (gate.waiting(RUN), gate.waiting(EFFECT), gate.next_moment()) == (1, 1, 10)
    for now, told in ((15, ["refund"]), (25, ["refund", "pull"]), (30, ["refund", "pull", "pull"])):
        gate.open(now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert answers == told
    await asyncio.gather(*tasks)
    assert gate.next_moment() is None


def test_names_of_chance_are_not_compared_and_numbers_of_orders_are() -> None:
    ours, other = "5ad8370c5ad8370c", "0123456789abcdef"
    known = frozenset({ours})
    assert masked(f"{ours}.1", known) == f"{ours}.1"
    assert masked(f"refresh.qs.{other}", known) == "refresh.qs.*"
    for kept in ("4200010000300007", "0.5298260123456789", "qs90513630a61da6600650e3f7"):
        assert masked(kept, known) == kept


def shown(*pictures: list[str]) -> Outcome:
    rows = [{"t": n, "card": "qs1", "trace": "", "lines": lines} for n, lines in enumerate(pictures)]
    return Outcome(shown=rows)


def test_one_picture_more_in_the_middle_makes_no_other_different() -> None:
    before = shown(["a", "1"], ["b", "2"], ["c", "3"])
    after = shown(["a", "1"], ["new"], ["b", "2"], ["c", "4"], ["c", "4"])
    found = compare(before, after).differences
    assert [(one.name, one.lines) for one in found] == [
        ("qs1 #2", ("+ （录像里没有）", "+ new")),
        ("qs1 #3", ("- 3", "+ 4")),
    ]


def test_a_retry_of_a_door_is_no_refusal() -> None:
    error = decode_error(encode_error(Retry("later", retry_after=2.0)))
    assert isinstance(error, Retry)
    assert error.retry_after == 2.0
