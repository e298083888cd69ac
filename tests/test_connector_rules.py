"""The checklist finds what is wrong with a connector, names file and rule, and is content with ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import integrations.commerce
from tests import connector_rules
from tests.connector_rules import Fault, connectors, faults

BAD = {
    "__init__.py": "PLATFORM = 'other'\nfrom integrations.commerce.badshop.settings import SETTINGS, CAPABILITIES\n",
    "settings.py": """
from dataclasses import dataclass
from domain.ports import ShopCapabilities

CAPABILITIES = ShopCapabilities("create", "any", 60, 10, push_kind="hint")


@dataclass(frozen=True)
class SETTINGS:
    api_base: str
    app_secret: str = ""
    page_size: int = 10
    retries: int = 3
""",
    "states.py": """
from domain.order import OrderState


def order_state(text: str) -> OrderState:
    return OrderState.PAID
""",
    "mapping.py": """
from datetime import datetime

from integrations.commerce.goodshop import anything


def amount(value):
    return float(value) / 100, datetime.now()
""",
    "client.py": """
import requests


class Client:
    async def call(self):
        return await self._session.get("https://shop.example.com", params={})
""",
    "manifest.yaml": """
name: bad
capabilities: {refund: none, push: none}
quality:
  retries: {status: todo, comment: later}
  fixtures: {status: done}
""",
}
WANTED = (
    ("badshop/__init__.py", "offers no build"),
    ("badshop/__init__.py", "PLATFORM is not the folder's name"),
    ("badshop", "has no signature.py"),
    ("badshop", "has no fixtures"),
    ("tests/integrations/test_badshop_mapping.py", "there is no test of the mapping"),
    ("sandbox/shops/badshop", "there is no simulated platform"),
    ("docs/badshop.md", "has no heading “When something is wrong”"),
    ("badshop/manifest.yaml", "says nothing of owner"),
    ("badshop/manifest.yaml", "capabilities say nothing of receiver"),
    ("badshop/manifest.yaml", "capabilities.refund does not begin with create"),
    ("badshop/manifest.yaml", "capabilities.push does not begin with hint"),
    ("badshop/manifest.yaml", "quality retries is not done (or exempt)"),
    ("badshop/manifest.yaml", "quality fixtures has no comment"),
    ("badshop/mapping.py:8", "a float where money is read"),
    ("badshop/mapping.py:8", "asks now() instead of the clock it was given"),
    ("badshop/mapping.py:4", "leans on the connector goodshop"),
    ("badshop/client.py:2", "uses requests instead of the session it was given"),
    ("badshop/client.py:7", "an HTTP call without a timeout"),
    ("badshop/client.py:7", "an HTTP call that may be redirected"),
    ("badshop/settings.py", "app_secret is shown by repr"),
    ("badshop/settings.py", "page_size: -1 is not refused"),
    ("badshop/settings.py", "page_size: 1000000000 is not refused"),
    ("badshop/settings.py", "retries: -1 is not refused"),
    ("badshop/states.py", "order_state takes an unknown text for paid"),
)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with one bad connector, and a good one's folder that it leans on."""
    place = tmp_path / "integrations" / "commerce"
    for name, text in BAD.items():
        path = place / "badshop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "badshop.md").write_text("# Bad\n\n## Connect a shop\n", encoding="utf-8")
    (place / "goodshop").mkdir()
    (place / "goodshop" / "__init__.py").write_text("anything = 1\n", encoding="utf-8")
    monkeypatch.setattr(integrations.commerce, "__path__", [*integrations.commerce.__path__, str(place)])
    yield tmp_path
    for name in [name for name in sys.modules if ".badshop" in name or ".goodshop" in name]:
        del sys.modules[name]


def test_every_rule_finds_its_fault_in_a_bad_package(planted: Path) -> None:
    bad = next(one for one in connectors(planted) if one.name == "badshop")
    found = faults(bad)
    missed = [
        (file, rule)
        for file, rule in WANTED
        if not any(fault.file.endswith(file) and fault.rule == rule for fault in found)
    ]
    assert missed == [], "\n".join(map(str, found))


def test_states_that_break_are_a_fault(planted: Path) -> None:
    path = planted / "integrations" / "commerce" / "badshop" / "states.py"
    path.write_text("def order_state(text: str) -> str:\n    return {}[text]\n", encoding="utf-8")
    bad = next(one for one in connectors(planted) if one.name == "badshop")
    assert any("breaks on an unknown text" in fault.rule for fault in connector_rules.states(bad))


def test_our_own_connectors_keep_to_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = connector_rules.main()
    out = capsys.readouterr().out
    assert code == 0, out
    assert "custom" in out


def test_a_fault_ends_the_run_with_its_file_and_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        connector_rules, "RULES", (lambda one: iter([Fault("here.py:1", f"not {one.name}")]),)
    )
    assert connector_rules.main() == 1
    assert "here.py:1: not custom" in capsys.readouterr().out
