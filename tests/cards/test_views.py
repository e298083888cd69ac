"""What each card shows, and to whom: every sample against its kept snapshot."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from cards.action import MAX_BYTES, Action, BadAction, decode
from cards.model import Card
from cards.order import view as order_view
from cards.refund import view as refund_view
from cards.render import gallery
from cards.sample_data import Sample
from cards.scene import Viewer
from domain.chat import SubjectRef
from tests.samples import ADMIN, FINANCE, SERVICE, order, refund, scene

SNAPSHOTS = Path(__file__).parent / "snapshots"
TRACE = "3fa92c1b00000000"


def as_text(card: Card) -> str:
    return json.dumps(dataclasses.asdict(card), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


@pytest.mark.parametrize("sample", gallery(), ids=lambda sample: sample.name)
def test_the_card_is_as_kept(sample: Sample) -> None:
    """`QIANSHAO_SNAPSHOTS=write` writes them anew; look at the difference before committing it."""
    kept = SNAPSHOTS / f"{sample.name}.json"
    if os.environ.get("QIANSHAO_SNAPSHOTS") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(as_text(sample.card), encoding="utf-8")
    assert as_text(sample.card) == kept.read_text(encoding="utf-8")


def test_sample_names_are_unique() -> None:
    names = [sample.name for sample in gallery()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("sample", gallery(), ids=lambda sample: sample.name)
def test_every_button_can_also_be_typed_and_decoded(sample: Sample) -> None:
    for button in (*sample.card.buttons, *sample.card.menu):
        assert button.command
        assert decode(button.action).encode() == button.action


def test_no_clear_phone_or_name_on_any_card() -> None:
    card = order_view(scene(), order(), (), Viewer(SERVICE, TRACE))
    text = as_text(card)
    assert "13800138000" not in text
    assert "李小明" not in text
    assert "138****8000" in text


def test_only_an_approver_who_did_not_ask_gets_the_buttons() -> None:
    asked = refund()
    theirs = refund_view(scene(), asked, order(), Viewer(FINANCE, TRACE))
    assert [b.text for b in theirs.buttons] == ["同意", "驳回"]
    for viewer in (SERVICE, ADMIN):
        own = refund_view(scene(), asked, order(), Viewer(viewer, TRACE))
        assert [b.text for b in own.buttons] == ["刷新进度"]
    by_finance = refund_view(scene(), refund(requester=FINANCE.id), order(), Viewer(FINANCE, TRACE))
    assert [b.text for b in by_finance.buttons] == ["刷新进度"]


@pytest.mark.parametrize("text", ["", "refund.approve", "a|b|c", "a|b|c|x", "|b|c|1", "a|b|c|١", "x" * 2000])
def test_a_forged_payload_is_refused(text: str) -> None:
    with pytest.raises(BadAction):
        decode(text)


def test_a_payload_too_large_for_a_button_is_refused_when_made() -> None:
    with pytest.raises(BadAction):
        Action("order.open", SubjectRef("order", "1"), 0, ("x" * MAX_BYTES,)).encode()
