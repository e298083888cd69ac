"""One line of a WeChat Pay bill: every value starts with a backtick, nothing is quoted, names may hold commas."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.payment.bill_columns import cells

MARK = "`"


def split(text: str) -> list[str]:
    """Cells without their backticks, whether the line is the provider's own or came through Excel."""
    if text.startswith(MARK) and '"' not in text:
        return [cell.rstrip(",") if at else cell for at, cell in enumerate(text[1:].split(",`"))]
    return [cell.removeprefix(MARK) for cell in joined(cells(text.removeprefix("\ufeff")))]


def joined(row: Sequence[str]) -> list[str]:
    """Excel splits `` `绿茶,250g `` at its comma: a piece without backtick belongs to the cell before it."""
    if not row or not row[0].startswith(MARK):
        return list(row)
    found: list[str] = []
    for cell in row:
        if cell.startswith(MARK) or not found:
            found.append(cell)
        elif cell:
            found[-1] += f",{cell}"
    return found


def row_cells(text: str, width: int) -> list[str] | None:
    """`width` cells; None when the line does not have them."""
    for row in (
        text.removeprefix(MARK).split(",`"),
        split(text),
        [c.removeprefix(MARK) for c in cells(text)],
    ):
        if len(row) == width:
            row[-1] = row[-1].rstrip(",")
            return row
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            return row[:width]
    return None
