"""Reading XML: guards, agreement with defusedxml, agreement of the fast path with expat."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pytest
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.chat.wecom.envelope import extract_encrypt
from integrations.chat.wecom.shape import read_inner, read_shape
from integrations.chat.wecom.xml import LISTS, XmlRefused, parse_xml
from tests.integrations.wecom_kit import VECTORS

NAMES = st.sampled_from(
    ["MsgType", "Content", "SelectedItems", "SelectedItem", "OptionIds", "OptionId", "QuestionKey", "a", "b"]
)
LEGAL = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], include_characters="\n\t", exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)
GARBLED = st.text(st.sampled_from("<>/![]CDATA& ;ab\r\n\t\x00\x0bé订👍\"'=?-"), max_size=60)


def _leaf(text: str, quoted: bool) -> str:
    return f"<![CDATA[{text}]]>" if quoted and "]]>" not in text else escape(text)


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


LEAVES = st.builds(_leaf, LEGAL, st.booleans())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(st.builds(_element, NAMES, inner), min_size=1, max_size=4).map("".join),
    max_leaves=12,
)
DOCUMENTS = st.lists(st.builds(_element, NAMES, TREES), max_size=5).map(
    lambda parts: _element("xml", "".join(parts))
)


def _oracle(node: Any) -> Any:
    """What defusedxml makes of an element, in our form."""
    if not len(node):
        return node.text or ""
    result: dict[str, Any] = {}
    for child in node:
        value = _oracle(child)
        if child.tag not in result:
            result[child.tag] = [value] if child.tag in LISTS else value
        elif isinstance(result[child.tag], list):
            result[child.tag].append(value)
        else:
            result[child.tag] = [result[child.tag], value]
    return result


@given(DOCUMENTS)
def test_documents_read_as_defusedxml_reads_them(text: str) -> None:
    read = _oracle(ElementTree.fromstring(text, forbid_dtd=True))
    assert parse_xml(text.encode()) == (read if isinstance(read, dict) else {})


@example("<xml><a>1</a><a>2</a></xml>")
@example("<xml><OptionId>1</OptionId></xml>")
@example("<xml><a>1</a><SelectedItems>2</SelectedItems></xml>")
@example("<xml><a><![CDATA[]]]]></a><b>]]</b></xml>")
@example("<xml><a><![CDATA[</a><b>]]></b></xml>")
@example("<xml>" + "<a>1</a>" * 3 + "</xml>")
@given(
    st.one_of(
        DOCUMENTS,
        GARBLED,
        GARBLED.map(lambda s: f"<xml>{s}</xml>"),
        GARBLED.map(lambda s: f"<xml><a>{s}</a></xml>"),
    )
)
def test_the_fast_path_reads_what_expat_reads_or_nothing(text: str) -> None:
    fast = read_shape(text)
    if fast is not None:
        assert fast == parse_xml(text.encode())


@given(st.one_of(st.binary(max_size=80), GARBLED.map(str.encode)))
def test_what_defusedxml_refuses_we_refuse(data: bytes) -> None:
    try:
        ElementTree.fromstring(data, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError):
        with pytest.raises(XmlRefused):
            read_inner(data)


def test_known_messages_take_the_fast_path() -> None:
    """Speed depends on it (performance.md §3)."""
    messages = [
        v["message"] for v in VECTORS["vectors"] if v["id"].startswith("xml-") and "<MsgType>" in v["message"]
    ]
    assert len(messages) >= 5
    for message in messages:
        assert read_shape(message) == parse_xml(message.encode())


def test_one_and_many_selected_items_have_one_form() -> None:
    one = (
        "<xml><SelectedItems><SelectedItem><QuestionKey>q</QuestionKey><OptionIds><OptionId>a</OptionId>"
        "</OptionIds></SelectedItem></SelectedItems></xml>"
    )
    item = {"QuestionKey": "q", "OptionIds": {"OptionId": ["a"]}}
    assert parse_xml(one.encode()) == read_shape(one) == {"SelectedItems": {"SelectedItem": [item]}}
    two = one.replace("</OptionId>", "</OptionId><OptionId>b</OptionId>")
    many = {"QuestionKey": "q", "OptionIds": {"OptionId": ["a", "b"]}}
    assert parse_xml(two.encode()) == read_shape(two) == {"SelectedItems": {"SelectedItem": [many]}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "ha">]><xml><A>&a;</A></xml>', "xml_dtd"),
        ('<!DOCTYPE x SYSTEM "file:///etc/hostname"><xml/>', "xml_dtd"),
        ("<xml><A>&undefined;</A></xml>", "xml_malformed"),
        ("<a>" * 9 + "</a>" * 9, "xml_shape"),
        ("<xml>" + "<a/>" * 200 + "</xml>", "xml_shape"),
        ("<xml><A>" + "x" * 65536 + "</A></xml>", "xml_too_large"),
        ("<xml><A>", "xml_malformed"),
        ("<xml/><xml/>", "xml_malformed"),
        ('<?xml version="1.0" encoding="utf-16"?><xml>\x00</xml>', "xml_malformed"),
    ],
)
def test_tricks_are_refused(body: str, reason: str) -> None:
    with pytest.raises(XmlRefused) as refused:
        read_inner(body.encode())
    assert refused.value.reason == reason


def test_not_utf8_is_refused() -> None:
    with pytest.raises(XmlRefused, match="not_utf8"):
        read_inner("<xml><Content>订单</Content></xml>".encode("gb18030"))


@pytest.mark.parametrize("case", VECTORS["xml_envelope_negatives"], ids=lambda c: str(c["id"]))
def test_envelopes_without_a_message(case: dict[str, Any]) -> None:
    with pytest.raises(XmlRefused):
        extract_encrypt(case["body"].encode())


@pytest.mark.parametrize(
    "body",
    [
        "<xml><ToUserName><![CDATA[ww1]]></ToUserName><Encrypt><![CDATA[abc+/=]]></Encrypt></xml>",
        "<xml>\n<Encrypt><![CDATA[abc+/=]]></Encrypt>\n<AgentID>1</AgentID>\n</xml>\n",
        '<?xml version="1.0"?><xml><Encrypt>abc+/=</Encrypt><New>1</New></xml>',
        "<xml><New a='1'>2</New><Encrypt><![CDATA[abc+/=]]></Encrypt></xml>",
    ],
)
def test_encrypt_is_found_in_every_form(body: str) -> None:
    assert extract_encrypt(body.encode()) == b"abc+/="


@pytest.mark.parametrize(
    "body",
    [
        "<xml><Encrypt><![CDATA[a]]></Encrypt><Encrypt><![CDATA[b]]></Encrypt></xml>",
        "<xml><A><![CDATA[<Encrypt><![CDATA[evil]]></A></xml>",
        "<xml><A><Encrypt><![CDATA[a]]></Encrypt></A></xml>",
        "<!-- <Encrypt><![CDATA[a]]></Encrypt> --><xml></xml>",
        "<xml><Encrypt><![CDATA[a]]></Encrypt>",
        "<Encrypt><![CDATA[a]]></Encrypt></xml>",
        "<!DOCTYPE x><xml><Encrypt><![CDATA[a]]></Encrypt></xml>",
        "<xml><A>&x;</A><Encrypt><![CDATA[a]]></Encrypt></xml>",
    ],
)
def test_encrypt_elsewhere_is_not_taken(body: str) -> None:
    with pytest.raises(XmlRefused):
        extract_encrypt(body.encode())


def test_whole_vector_bodies_give_their_encrypt() -> None:
    posts = [
        v
        for v in VECTORS["vectors"]
        if v.get("http", {}).get("method") == "POST" and "<xml>" in v["http"]["body"]
    ]
    assert posts
    for vector in posts:
        assert extract_encrypt(vector["http"]["body"].encode()) == vector["encrypt"].encode()
