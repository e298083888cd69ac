"""Which encoding a bill is in, and whether somebody has already spoilt it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_SURELY = 8  # Chinese letters before the first broken byte: GBK never reads like that
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(head: bytes) -> str:
    """utf-8-sig, utf-16 or gb18030, by the first bytes: a bill's header is Chinese, so they tell."""
    if head.startswith(_UTF16):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError as error:
        chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in head[: error.start].decode())
        if not head.startswith(codecs.BOM_UTF8) and chinese < _SURELY:
            return "gb18030"
    return "utf-8-sig"


def repaired(text: str) -> Iterator[str]:
    """What the text may have been before it was read in the wrong encoding and saved again, with holes.

    GBK once read as Latin-1 or Windows-1252, UTF-8 once read as GBK.
    """
    for wrong, right in (("latin-1", "gb18030"), ("cp1252", "gb18030"), ("gb18030", "utf-8")):
        yield text.replace("\ufffd", "").encode(wrong, "ignore").decode(right, "ignore")
    if "\ufffd" in text and text.startswith("#\u05a7"):
        yield "支付宝"  # GBK read as UTF-8: 支 is left as U+05A7, the rest is lost for good
