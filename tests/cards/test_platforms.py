"""Every card of the gallery within every limit of both platforms, before anything is sent."""

from __future__ import annotations

import json

import pytest

from cards.render import gallery
from cards.sample_data import Sample
from integrations.chat.dingtalk.card import public_params
from integrations.chat.dingtalk.lint import card_problems
from integrations.chat.wecom.card import left_out, render_card, render_update
from integrations.chat.wecom.lint import display_cuts, lint_card

samples = pytest.mark.parametrize("sample", gallery(), ids=lambda sample: sample.name)
# Buyers' remarks are as long as they are; everything of ours must fit a phone.
MAY_BE_CUT = {"order-late"}


@samples
def test_wecom_takes_it_as_sent_and_as_updated(sample: Sample) -> None:
    for draw in (render_card, render_update):
        drawn = draw(sample.card, "qs123", "https://bot.example.com")
        assert lint_card(drawn) == []
        if sample.name not in MAY_BE_CUT:
            assert display_cuts(drawn) == []
            assert left_out(sample.card) == []


@samples
def test_dingtalk_takes_it(sample: Sample) -> None:
    params = public_params(sample.card)
    assert card_problems(params) == []
    assert all(isinstance(value, str) for value in params.values())
    shown = {button["params"]["action"] for button in json.loads(params["sys_full_json_obj"])["msgButtons"]}
    if not sample.card.final:
        assert shown == sample.card.actions
