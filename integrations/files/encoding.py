"""Which encoding a text file is in; people's exports rarely say."""

from __future__ import annotations

import codecs

HEAD = 1 << 20  # bytes that are looked at
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 2000
_DAMAGE = 2  # so many good characters for each bad one make it UTF-8 with damage, not another encoding


def encoding_of(head: bytes, *, whole: bool) -> str:
    """utf-8-sig, utf-8, utf-16(-le, -be) or gb18030. `whole`: nothing follows these bytes.

    A damaged UTF-8 file is still UTF-8: read as GB18030 it would become other, wrong characters without any error.
    """
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if wide := _without_mark(head[:_SAMPLE]):
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head, whole)
    except UnicodeDecodeError:
        text = head.decode("utf-8", "replace")
        bad = text.count("\ufffd")
        good = sum(1 for letter in text if letter > "\x7f" and letter != "\ufffd")
        return "utf-8" if good >= _DAMAGE * bad else "gb18030"
    return "utf-8"


def _without_mark(sample: bytes) -> str:
    """UTF-16 without its mark: headings and digits have a zero byte in every pair."""
    half = len(sample) // 2
    if half and sample[1::2].count(0) > half // 3:
        return "utf-16-le"
    if half and sample[0::2].count(0) > half // 3:
        return "utf-16-be"
    return ""
