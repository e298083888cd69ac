"""The shipped template file has the documented shape and every variable our cards fill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.dom.minidom import parseString

from integrations.chat.dingtalk.card import OWN_BUTTONS, own_params
from tests.integrations.dingtalk_kit import CARD

FILE = Path(__file__).parents[2] / "deploy" / "dingtalk" / "approval-card.json"
TEMPLATE: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
EDITOR: dict[str, Any] = json.loads(TEMPLATE["editorData"])


def shown_buttons() -> list[dict[str, Any]]:
    card = EDITOR["schema"]["componentsTree"][0]
    block = next(part for part in card["children"] if part["componentName"] == "ButtonBlock")
    found: list[dict[str, Any]] = block["props"]["buttons"]
    return found


def test_the_four_parts_of_a_template_file() -> None:
    assert set(TEMPLATE) == {"editorData", "widgetInfo", "type", "mode"}
    assert (TEMPLATE["type"], TEMPLATE["mode"]) == ("im", "card")
    assert set(EDITOR) == {"schemaVersion", "schema", "variableList", "mockData", "extension"}
    parseString(TEMPLATE["widgetInfo"])  # noqa: S318 - our own file


def test_variables_are_the_ones_our_cards_fill_and_none_is_private() -> None:
    listed = EDITOR["variableList"]
    assert {variable["name"] for variable in listed} == set(own_params(CARD)) == set(EDITOR["mockData"])
    assert not any(variable["private"] for variable in listed)
    assert len({variable["id"] for variable in listed}) == len(listed)


def test_every_button_sends_its_action_and_hides_with_the_status() -> None:
    assert len(shown_buttons()) == OWN_BUTTONS
    for number, shown in enumerate(shown_buttons(), 1):
        assert shown["actionType"] == "request"
        assert {p["name"]: p["variable"] for p in shown["params"]} == {
            "action": f"button{number}_action",
            "chat": "chat",
        }
        conditions = {(c["op"], c["variable"]) for c in shown["visible"]["condition"]["conditions"]}
        assert conditions == {("isTrue", f"button{number}_text"), ("isFalse", "status")}
