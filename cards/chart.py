"""The digest's picture: inflow of the last days beside open orders by state, with Chinese labels.

Drawing holds a processor for a tenth of a second and the library for more at first: call it in a worker process.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from domain.digest import Series

WIDTH, HEIGHT, DPI = 9.0, 3.6, 110  # inches; 990 × 396 pixels reads well on a phone
_BLUE, _DARK, _GREY = "#8fb4e8", "#2f6fd0", "#5b6470"


def draw(series: Series, title: str, font: str = "") -> bytes:
    """A PNG. `font` is the path of a font with Chinese characters; without one the packaged Noto is used."""
    from matplotlib.figure import Figure as Sheet
    from matplotlib.font_manager import FontProperties

    text = FontProperties(fname=font or packaged_font())
    sheet = Sheet(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    left, right = sheet.subplots(1, 2, width_ratios=(3, 2))
    _days(left, series, text)
    _states(right, series.states, text)
    sheet.suptitle(title, fontproperties=text, fontsize=13)
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
    _bars(axes, [f"{day:%m-%d}" for day, _ in series.days], counts, colours, "每日新订单（单）", text)


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
    axes.bar_label(bars, fontsize=7, color=_GREY)
    axes.set_title(title, fontproperties=text, fontsize=10)
    axes.set_xticks(
        range(len(names)), names, fontproperties=text, fontsize=8, rotation=45 if len(names) > 8 else 0
    )
    axes.set_ylim(0, max([*counts, 1]) * 1.15)
    axes.tick_params(axis="y", labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
