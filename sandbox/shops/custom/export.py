"""The end-of-day order file with its `.ok` marker, as a till writes it (platforms.md §3.7)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from sandbox.shops.custom.amounts import GMT8, yuan
from sandbox.shops.custom.books import Books
from sandbox.shops.custom.views import COLUMNS, file_rows


def export_csv(books: Books, shop: str, folder: Path, *, encoding: str = "utf-8-sig") -> Path:
    """Every paid order of the shop, the total row last; the marker comes when the file is whole."""
    place = books.shops[shop]
    orders = [order for order in books.newest() if order.shop == shop and order.paid]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for order in reversed(orders):
        writer.writerows(file_rows(order, place.shop_id))
    total = dict.fromkeys(COLUMNS, "") | {
        "order_no": "TOTAL",
        "qty": str(len(orders)),
        "order_amount": yuan(sum(order.paid_amount for order in orders)),
    }
    writer.writerow(total.values())
    moment = books.world.clock.now().astimezone(GMT8)
    path = folder / f"orders_{place.shop_id}_{moment:%Y%m%d%H%M%S}.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    path.with_name(path.name + ".ok").touch()
    return path
