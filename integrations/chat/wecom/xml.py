"""Inner XML to a dictionary by stdlib expat with guards: no DTD, bounded depth, elements and size."""

from __future__ import annotations

from xml.parsers import expat

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_ELEMENTS = 200
LISTS = frozenset({"SelectedItem", "OptionId"})  # "one or many" (wecom.md §3.4): always a list

Document = dict[str, "str | Document | list[str | Document]"]


class XmlRefused(ValueError):
    """Not XML we read: `reason` is a word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_xml(data: bytes) -> Document:
    """The root element's children by name; text of a leaf, a Document of an element with children.

    A name that repeats becomes a list, names in LISTS always are. Attributes and text between
    elements are dropped. A declared encoding is ignored: the bytes must be UTF-8.
    """
    if len(data) > MAX_BYTES:
        raise XmlRefused("xml_too_large")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_dtd
    parser.EntityDeclHandler = _refuse_dtd
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise XmlRefused("xml_malformed") from None
    return reader.document


def _refuse_dtd(*_: object) -> None:
    raise XmlRefused("xml_dtd")


class _Reader:
    """Builds the dictionary; `_open` holds the documents around the element being read."""

    def __init__(self) -> None:
        self._open: list[Document] = []
        self._here: Document = {}
        self._text = ""
        self._elements = 0

    @property
    def document(self) -> Document:
        """The root element's value: empty when the root holds text only."""
        (root,) = self._here.values()
        return root if isinstance(root, dict) else {}

    def start(self, _name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise XmlRefused("xml_shape")
        self._open.append(self._here)
        self._here = {}
        self._text = ""

    def end(self, name: str) -> None:
        value = self._here or self._text
        self._here = self._open.pop()
        self._text = ""
        present = self._here.get(name)
        if present is None:
            self._here[name] = [value] if name in LISTS else value
        elif isinstance(present, list):
            present.append(value)
        else:
            self._here[name] = [present, value]

    def characters(self, text: str) -> None:
        self._text += text
