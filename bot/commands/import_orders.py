"""`import FILE --shop S [--map F]`: orders from a file; safe to repeat; refused rows are listed, never lost."""

from __future__ import annotations

import argparse
import asyncio
import csv
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from bot.database import open_from
from bot.order_files import FileRefused, layout_in, open_orders, read_map, size_of
from bot.settings import Settings, load
from domain.intake import IntakeCount
from domain.order import Order
from domain.order_file import Problem, read_each
from domain.order_import import ColumnMap, ImportShop
from storage.bulk import upsert_orders
from storage.database import Database

NAME = "import"
HELP = "read orders from a CSV, Excel or JSON-lines file (can be repeated)"
BATCH = 5000
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the file: .csv .tsv .xlsx .xls .jsonl")
    parser.add_argument("--shop", required=True, help="code of the shop the orders belong to")
    parser.add_argument(
        "--map", type=Path, help="YAML file that maps columns, state names and the time format"
    )


def run(args: argparse.Namespace) -> int:
    settings = load(args.config)
    try:
        mapping = read_map(args.map)
        total = size_of(args.file)
        tally = asyncio.run(_import(settings, args, mapping, total))
    except FileRefused as error:
        print(error)
        return 2
    return tally.report(args.file)


@dataclass
class Tally:
    """What became of the rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, count: IntakeCount) -> None:
        self.inserted += count.inserted
        self.updated += count.updated
        self.unchanged += count.unchanged

    def report(self, file: Path) -> int:
        print(f"新增 {self.inserted}，更新 {self.updated}，没有变化 {self.unchanged}，拒收 {self.refused}")
        for example in self.examples:
            print(f"  {example}")
        if self.refused:
            print(f"拒收的行和原因都在 {refusals_of(file)}，改好后可以重新导入整个文件，不会重复")
        return 1 if self.refused else 0


def refusals_of(file: Path) -> Path:
    return file.with_name(file.name + ".refused.csv")


class Refusals:
    """The report beside the file; made only when a row is refused, so a clean import leaves nothing."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path, self._stack = path, stack
        self._file: TextIO | None = None
        path.unlink(missing_ok=True)

    def add(self, line: int, reason: str, number: str) -> None:
        if self._file is None:
            self._file = self._stack.enter_context(self._path.open("w", encoding="utf-8-sig", newline=""))
            csv.writer(self._file).writerow(["行", "原因", "订单号"])
        csv.writer(self._file).writerow([line, reason, number])


async def _import(settings: Settings, args: argparse.Namespace, mapping: ColumnMap, total: int) -> Tally:
    shop = _shop(settings, args.shop)
    tally = Tally()
    database = await open_from(settings)
    try:
        with ExitStack() as stack:
            bar = stack.enter_context(tqdm(total=total, unit="B", unit_scale=True, desc=args.file.name))
            refusals = Refusals(refusals_of(args.file), stack)
            sheet = stack.enter_context(open_orders(args.file, mapping, bar.update))
            found = read_each(sheet, layout_in(sheet, mapping), shop)
            while batch := list(islice(found, BATCH)):
                orders = list(_orders(batch, tally, refusals))
                tally.add(await _store(database, orders, args.file))
    finally:
        await database.close()
    return tally


async def _store(database: Database, orders: list[Order], file: Path) -> IntakeCount:
    return await upsert_orders(database, orders, source=f"import:{file.name}")


def _orders(batch: list[tuple[int, Order] | Problem], tally: Tally, refusals: Refusals) -> Iterator[Order]:
    for one in batch:
        if not isinstance(one, Problem):
            yield one[1]
            continue
        tally.refused += 1
        refusals.add(one.line, one.reason, one.number)
        if len(tally.examples) < SHOWN:
            tally.examples.append(f"第 {one.line} 行：{one.reason}")


def _shop(settings: Settings, code: str) -> ImportShop:
    for shop in settings.shops:
        if shop.code == code:
            return ImportShop(code, shop.platform, shop.region, shop.warehouse)
    print(f"提醒：{code} 不在 config.yaml 的 shops 里，订单会存下，但不能在店铺刷新和退款")
    return ImportShop(code, "file")
