"""The worked example of docs/extending.md, run as it stands on the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handlers
from tests.office import LIN, PLATFORMS, open_office

PAGE = Path(__file__).parent.parent.parent / "docs" / "extending.md"


@pytest.fixture
def freight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One file more in `handlers/`: nothing else is told about it."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (tmp_path / "freight.py").write_text(code[1], encoding="utf-8")
    monkeypatch.setattr(handlers, "__path__", [*handlers.__path__, str(tmp_path)])
    yield
    sys.modules.pop("handlers.freight", None)


@pytest.mark.usefixtures("freight")
async def test_a_new_command_is_one_file(tmp_path: Path) -> None:
    async with open_office(tmp_path / "office") as office:
        number = await office.order("129.00", post_fee="8.00")
        for platform in PLATFORMS:
            await office.say(platform, LIN, f"运费 {number}")
            await office.text(platform, LIN, number, "运费 ¥8.00")
            await office.say(platform, LIN, "云费")
            await office.text(platform, LIN, "没看懂", "运费 订单号")
            await office.say(platform, LIN, "帮助")
            await office.text(platform, LIN, "看买家付的运费")
