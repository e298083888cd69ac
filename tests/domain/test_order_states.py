"""The order's state machine: newer wins, only an authoritative copy may step back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.order import OrderState, Receiver
from domain.order_states import STATE_NAMES, merge, moves_forward
from tests.samples import order

states = st.sampled_from(list(OrderState))


def test_every_state_has_a_chinese_name() -> None:
    assert set(STATE_NAMES) == set(OrderState)


@given(states, st.integers(0, 3), states, st.integers(0, 3), st.booleans())
def test_an_older_copy_never_changes_anything(
    known: OrderState, version: int, incoming: OrderState, newer: int, authoritative: bool
) -> None:
    old = order(state=known, version=version)
    new = order(state=incoming, version=newer)
    kept = merge(old, new, authoritative=authoritative)
    if newer <= version:
        assert kept is None
    elif authoritative or moves_forward(known, incoming):
        assert kept is not None
        assert kept.state is incoming
    else:
        assert kept is None


@given(states, states)
def test_closed_orders_stay_closed_for_a_push(before: OrderState, after: OrderState) -> None:
    if before in (OrderState.CLOSED, OrderState.CANCELLED):
        assert moves_forward(before, after) == (after is before)


def test_a_masked_copy_keeps_what_we_know_of_the_receiver() -> None:
    masked = order(version=2, receiver=Receiver(name_mask="李**", phone_mask="*******8000"))
    kept = merge(order(), masked, authoritative=True)
    assert kept is not None
    assert (kept.receiver.phone, kept.receiver.phone_mask) == ("13800138000", "*******8000")


def test_the_story_keeps_lines_of_both() -> None:
    known = order()
    fresh = replace(order(version=2), timeline=())
    kept = merge(known, fresh, authoritative=True)
    assert kept is not None
    assert kept.timeline == known.timeline
