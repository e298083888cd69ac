"""Opening a bill as it came: plain text, gzip, ZIP or a workbook, in whatever encoding, as batches of lines."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from domain.payment import BadBill
from integrations.payment import bill_workbook
from integrations.payment.bill_encoding import encoding_of

Recognise = Callable[[str], bool]
Batch = tuple[int, list[str]]
"""The number of the first line, counted from 1, and lines without their ends."""

BLOCK = 1 << 18
HEAD = 4096
_PIECE = 16
MAX_BYTES = 8 << 30  # unpacked; a month of a very big merchant is a tenth of it
_MAX_LINE = 1 << 16
_BROKEN_PACK = (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError)
CUT_PACK = "压缩包不完整或损坏，没有读到结尾"


class BillText:
    """One bill on disk. `recognise` tells the bill itself from what else lies in a ZIP or workbook."""

    def __init__(self, path: Path, recognise: Recognise, again: str) -> None:
        self._path = path
        self._recognise = recognise
        self._again = again
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """SHA-256 of the bill's own bytes; complete once `batches` is through."""
        return self._hash.hexdigest()

    def batches(self) -> Iterator[Batch]:
        """Every line in order, in bounded memory (but for a workbook); BadBill when it cannot be read to its end."""
        line = 1
        for block in self.blocks():
            lines = block.split("\n")
            if not lines[-1]:
                lines.pop()
            yield line, lines
            line += len(lines)

    def blocks(self) -> Iterator[str]:
        """The text in pieces of whole lines; only the very last line may lack its line end."""
        line = 1
        try:
            for block in self._blocks():
                yield block
                line += block.count("\n")
        except UnicodeDecodeError as error:
            at = line + bytes(error.object[: error.start]).count(b"\n")
            raise BadBill(f"第 {at} 行的文字编码坏了（既不是 GBK 也不是 UTF-8）：{self._again}") from error
        except _BROKEN_PACK as error:
            raise BadBill(f"{CUT_PACK}（读到第 {line} 行）：{self._again}") from error

    def _blocks(self) -> Iterator[str]:
        if bill_workbook.is_workbook(self._path):
            self._hash_file()
            for lines in bill_workbook.batches(self._path, self._recognise, self._again):
                yield "\n".join([*lines, ""])
            return
        with _unpacked(self._path, self._recognise, self._again) as stream:
            yield from self._decoded(stream)

    def _decoded(self, stream: IO[bytes]) -> Iterator[str]:
        block, rest, read = stream.read(BLOCK), "", 0
        decoder = codecs.getincrementaldecoder(encoding_of(block[:HEAD]))("strict")
        while block:
            self._hash.update(block)
            read += len(block)
            text = (rest + decoder.decode(block)).replace("\r\n", "\n")
            end = text.rfind("\n") + 1
            rest = text[end:]
            if read > MAX_BYTES or len(rest) > _MAX_LINE:
                raise BadBill(f"文件大得不像账单：{self._again}")
            if end:
                yield text[:end]
            block = stream.read(BLOCK)
        rest += decoder.decode(b"", final=True)
        if rest:
            yield rest

    def _hash_file(self) -> None:
        with self._path.open("rb") as file:
            while block := file.read(BLOCK):
                self._hash.update(block)


@contextmanager
def _unpacked(path: Path, recognise: Recognise, again: str) -> Iterator[IO[bytes]]:
    """The bill's own bytes."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=file) as unzipped:
                yield cast("IO[bytes]", unzipped)
        elif magic[:2] == b"PK":
            with zipfile.ZipFile(file) as pack, pack.open(_entry(pack, recognise, again)) as entry:
                yield entry
        else:
            yield file


def _entry(pack: zipfile.ZipFile, recognise: Recognise, again: str) -> zipfile.ZipInfo:
    """The one entry that is a bill by its content: entry names are GBK and people rename things."""
    found = []
    for info in pack.infolist():
        if info.is_dir():
            continue
        if info.flag_bits & 1:
            raise BadBill(f"压缩包加了密码，打不开：{again}")
        with pack.open(info) as entry:
            head = entry.read(HEAD)
        if recognise(head.decode(encoding_of(head), "ignore")):
            found.append(info)
    if len(found) != 1:
        what = "没有账单明细" if not found else f"有 {len(found)} 份账单，一次只收一份"
        raise BadBill(f"压缩包里{what}：{again}")
    return found[0]


def heads(content: bytes) -> Iterator[bytes]:
    """What the bill's own first bytes may be, of the first bytes of a file: inside gzip and ZIP entries too."""
    if content[:2] == b"\x1f\x8b":
        yield _inflated(content, 31)
    elif content[:4] == b"PK\x03\x04":
        yield from _entry_heads(content)
    else:
        yield content[:HEAD]


def _entry_heads(content: bytes) -> Iterator[bytes]:
    """Follows the local headers, so that it works for a beginning and for a ZIP that is cut off."""
    at = 0
    while content[at : at + 4] == b"PK\x03\x04" and len(content) >= at + 30:
        method, size = _number(content, at + 8, 2), _number(content, at + 18, 4)
        data = at + 30 + _number(content, at + 26, 2) + _number(content, at + 28, 2)
        yield _inflated(content[data:], -15) if method else content[data : data + HEAD]
        at = data + size
        if not size:  # sizes come after the data: the next header cannot be found from here
            return


def _number(content: bytes, at: int, size: int) -> int:
    return int.from_bytes(content[at : at + size], "little")


def _inflated(data: bytes, window: int) -> bytes:
    """The beginning, as far as it can be unpacked: data may be cut off or spoilt."""
    unpack, found = zlib.decompressobj(window), b""
    try:
        for at in range(0, min(len(data), BLOCK), _PIECE):
            found += unpack.decompress(data[at : at + _PIECE])
            if len(found) >= HEAD:
                break
    except zlib.error:
        return found
    return found[:HEAD]


def read_lines(path: Path, recognise: Recognise, again: str, wanted: set[int]) -> dict[int, str]:
    """The text of these lines."""
    found: dict[int, str] = {}
    for first, lines in BillText(path, recognise, again).batches():
        for number in wanted.intersection(range(first, first + len(lines))):
            found[number] = lines[number - first]
        if len(found) == len(wanted):
            break
    return found
