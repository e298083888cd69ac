"""The digest's picture: inflow of the last days above open orders by state, with Chinese labels.

Drawing holds a processor for a tenth of a second and the library for more at first: call it in a worker process.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from domain.digest import Series

WIDTH, HEIGHT, DPI = (
    5.4,
    4.8,
    150,
)  # inches; a chat shows it about 300 points wide, so that 12 points stay readable
FEWEST_SLOTS = 6  # room for so many bars: one alone is not a wall
_BLUE, _DARK, _GREY = "#8fb4e8", "#2f6fd0", "#5b6470"


def draw(series: Series, title: str, font: str = "") -> bytes:
    """A PNG. `font` is the path of a font with Chinese characters; without one the packaged Noto is used."""
    from matplotlib.figure import Figure as Sheet
    from matplotlib.font_manager import FontProperties

    text = FontProperties(fname=font or packaged_font())
    sheet = Sheet(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    above, below = sheet.subplots(2, 1)
    _days(above, series, text)
    _states(below, series.states, text)
    sheet.suptitle(title, fontproperties=text, fontsize=15)
    out = io.BytesIO()
    sheet.savefig(out, format="png")
    return out.getvalue()


def packaged_font() -> str:
    """The font that comes with the product's dependencies."""
    found = find_spec("noto_cjk_sans_otc")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "NotoSansCJK-Regular.ttc")


def _days(axes: object, series: Series, text: object) -> None:
    counts = [count for _, count in series.days]
    colours = [_BLUE] * (len(counts) - 1) + [_DARK]
    _bars(
        axes, [f"{day.month}/{day.day}" for day, _ in series.days], counts, colours, "每日新订单（单）", text
    )


def _states(axes: object, states: Sequence[tuple[str, int]], text: object) -> None:
    names, counts = [name for name, _ in states], [count for _, count in states]
    _bars(axes, names, counts, [_BLUE] * len(counts), "未完成订单（单）", text)


def _bars(
    axes: object,
    names: Sequence[str],
    counts: Sequence[int],
    colours: Sequence[str],
    title: str,
    text: object,
) -> None:
    """`axes` and `text` are the library's own objects, which carry no types."""
    from matplotlib.axes import Axes
    from matplotlib.font_manager import FontProperties

    assert isinstance(axes, Axes)
    assert isinstance(text, FontProperties)
    bars = axes.bar(range(len(counts)), counts, color=list(colours))
    axes.bar_label(bars, labels=[str(count) if count else "" for count in counts], fontsize=11, color=_GREY)
    axes.set_title(title, fontproperties=text, fontsize=12, loc="left")
    axes.set_xticks(
        range(len(names)), names, fontproperties=text, fontsize=10, rotation=40 if len(names) > 8 else 0
    )
    spare = max(FEWEST_SLOTS - len(counts), 0) / 2
    axes.set_xlim(-0.6 - spare, len(counts) - 0.4 + spare)
    axes.set_ylim(0, max([*counts, 1]) * 1.2)
    axes.yaxis.set_visible(False)  # every bar carries its number
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
