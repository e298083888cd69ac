"""`replay RECORDING` works a recorded day with this build and names every difference; `--record FILE` makes one."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from tqdm import tqdm

from bot import logs
from bot.data_key import data_key
from bot.database import open_settings
from bot.faults import CannotRun
from bot.replay.compare import Report, compare
from bot.replay.pack import pack
from bot.replay.recording import Recording, read_head, read_recording, write_recording
from bot.replay.run import Replayed, ReplayStuck, replay
from bot.replay.words import summary, told
from bot.settings import Settings, load
from domain.clock import SHANGHAI
from storage.secrets import DataKeys

NAME = "replay"
HELP = "work a recorded day with this version and name every card, decision and digest that is not the same"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", nargs="?", type=Path, metavar="RECORDING", help="work this recording")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="compare with what this one holds, e.g. saved by --save"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep what this version made of it")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    parser.add_argument("--verbose", action="store_true", help="show what this version logs meanwhile")
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="make a recording of what replay.record collected"
    )
    parser.add_argument("--from", dest="since", type=_moment, metavar="ISO", help="with --record: from when")
    parser.add_argument("--to", dest="until", type=_moment, metavar="ISO", help="with --record: until when")
    parser.add_argument(
        "--plain", action="store_true", help="write in the clear, not sealed: for synthetic data only"
    )


def run(args: argparse.Namespace) -> int:
    if (args.recording is None) == (args.record is None):
        raise CannotRun("用法：replay 录像文件，或 replay --record 新文件")
    if args.record is not None and (args.against or args.save or args.json):
        raise CannotRun("--against、--save、--json 是回放时用的，不和 --record 一起用")
    if args.recording is not None and (args.since or args.until):
        raise CannotRun("--from、--to 和 --record 一起用")
    settings = load(args.config)
    if args.record is not None:
        return asyncio.run(_record(settings, args))
    return asyncio.run(_replay(settings, args))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} 要写成 2026-01-05T09:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


# --- record ----------------------------------------------------------------------------------------------


async def _record(settings: Settings, args: argparse.Namespace) -> int:
    if not settings.replay.record:
        raise CannotRun("没有在录：在 config.yaml 写 replay: {record: data/replay}，重启服务后开始录")
    db = open_settings(settings)
    try:
        recording = await pack(db, Path(settings.replay.record), args.since, args.until)
        write_recording(args.record, recording, None if args.plain else db.keys)
    finally:
        await db.close()
    start = "从录制开始时的数据库" if recording.start is not None else "从空数据库"
    came, left = len(recording.outcome.inbox), len(recording.outcome.outbox)
    print(f"已写 {args.record}：{start}，收到 {came} 条，发出 {left} 条，记录 {len(recording.entries)} 行")
    if args.plain:
        print("没有加密：里面有聊天和订单的原文，只能用于模拟数据", file=sys.stderr)
    return 0


# --- replay ----------------------------------------------------------------------------------------------


async def _replay(settings: Settings, args: argparse.Namespace) -> int:
    """0 the same, 1 different."""
    head = read_head(args.recording)
    key = _key(settings) if head["sealed"] or head["start"] else None
    keys = DataKeys(key) if key is not None else None
    recording = read_recording(args.recording, keys)
    wanted = recording if args.against is None else _other(settings, args.against)
    if not args.verbose:
        logs.configure("error", "console")
    made = await _worked(recording, settings, key)
    if args.save is not None:
        kept = replace(recording, outcome=made.outcome)
        write_recording(args.save, kept, keys if head["sealed"] else None)
    report = report_of(recording, wanted, made)
    _tell(report, as_json=args.json)
    return 0 if report.same else 1


def _other(settings: Settings, file: Path) -> Recording:
    head: Mapping[str, Any] = read_head(file)
    return read_recording(file, DataKeys(_key(settings)) if head["sealed"] else None)


def _key(settings: Settings) -> bytes:
    return data_key(settings.source, settings.security.data_key, settings.database.url)


async def _worked(recording: Recording, settings: Settings, key: bytes | None) -> Replayed:
    with tqdm(desc="回放", unit="件", disable=None) as bar:

        def progress(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        try:
            return await replay(recording, settings, key, progress)
        except ReplayStuck as error:
            raise CannotRun(f"回放停住了：{error}") from error


def report_of(recording: Recording, wanted: Recording, made: Replayed) -> Report:
    """What `made` has that `wanted` has not, and the other way round."""
    report = compare(wanted.outcome, made.outcome, made.strange)
    span = (recording.until - recording.since) / 1_000_000
    return replace(report, events=made.events, recorded_seconds=span, seconds=made.seconds)


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(report.plain(), option=orjson.OPT_INDENT_2).decode())
        return
    for line in told(report):
        print(line)
    print(summary(report))
