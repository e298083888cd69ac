from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chat import Account, Recipient, SubjectRef
from domain.outbox import Body, Effect, RefreshCard, SendCard, SendText
from storage.outgoing_codec import decode_body, encode_body

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SUBJECTS = st.builds(SubjectRef, TEXT, TEXT)
RECIPIENTS = st.builds(
    Recipient,
    st.builds(Account, TEXT, TEXT, TEXT),
    TEXT,
    TEXT,
    st.none() | st.datetimes(timezones=st.just(UTC)),
)
ARGS = st.dictionaries(TEXT, TEXT, max_size=4)
BODIES: st.SearchStrategy[Body] = st.one_of(
    st.builds(SendText, RECIPIENTS, TEXT),
    st.builds(SendCard, RECIPIENTS, SUBJECTS, ARGS),
    st.builds(RefreshCard, TEXT, st.booleans()),
    st.builds(Effect, TEXT, SUBJECTS, ARGS),
)


@given(BODIES)
def test_every_body_comes_back_as_it_went(body: Body) -> None:
    assert decode_body(encode_body(body)) == body


def test_a_row_of_an_older_version_is_understood() -> None:
    assert decode_body('{"type": "refresh_card", "body": {"card_id": "c1"}}') == RefreshCard("c1")


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(ValueError, match="hologram"):
        decode_body('{"type": "hologram", "body": {}}')
