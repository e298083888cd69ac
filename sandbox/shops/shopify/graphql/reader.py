"""Reading GraphQL text: tokens, values and types. Documents and schemas are built on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.shops.shopify.graphql.syntax import Enum, GraphQLError, TypeRef, Variable

MAX_CHARS = 50_000
MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n\r]*)
    |(?P<name>[_A-Za-z][_0-9A-Za-z]*)
    |(?P<float>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))
    |(?P<int>-?(?:0|[1-9][0-9]*))
    |(?P<block>\"{3}(?:\\\"{3}|.)*?\"{3})
    |(?P<string>"(?:[^"\\\n\r]|\\.)*")
    |(?P<punct>\.\.\.|[!$()&:=@\[\]{}|])""",
    re.VERBOSE | re.DOTALL,
)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Token:
    kind: str  # name | int | float | string | block | punct | end
    text: str
    at: tuple[int, int]


def tokens(text: str) -> list[Token]:
    if len(text) > MAX_CHARS:
        raise GraphQLError(f"query is longer than {MAX_CHARS} characters", "queryTooLong")
    found: list[Token] = []
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        at = (line, position - line_start + 1)
        if match is None:
            raise GraphQLError(f"syntax error, unexpected invalid token {text[position]!r}", "parseError", at)
        kind, piece = str(match.lastgroup), match.group()
        if kind != "skip":
            found.append(Token(kind, piece, at))
        if newlines := piece.count("\n"):
            line, line_start = line + newlines, position + piece.rindex("\n") + 1
        position = match.end()
    return [*found, Token("end", "end of file", (line, position - line_start + 1))]


class Reader:
    """Walks over the tokens; every complaint says where."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._index = 0
        self._depth = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._index]

    def unexpected(self) -> GraphQLError:
        return GraphQLError(f"syntax error, unexpected {self.now.text!r}", "parseError", self.now.at)

    def take(self, text: str) -> bool:
        """Step over this punctuation or word if it stands here."""
        if self.now.text != text or self.now.kind not in ("punct", "name"):
            return False
        self._index += 1
        return True

    def want(self, text: str) -> None:
        if not self.take(text):
            raise self.unexpected()

    def name(self) -> str:
        token = self.now
        if token.kind != "name":
            raise self.unexpected()
        self._index += 1
        return token.text

    def inside(self, opening: str, closing: str, item: Callable[[], Item]) -> list[Item]:
        """One or more items between brackets."""
        self.want(opening)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise GraphQLError(f"query is nested deeper than {MAX_DEPTH}", "parseError", self.now.at)
        found = [item()]
        while not self.take(closing):
            found.append(item())
        self._depth -= 1
        return found

    def value(self) -> Any:
        token = self.now
        if self.take("$"):
            return Variable(self.name())
        if token.text == "[" and token.kind == "punct":
            return self._list()
        if token.text == "{" and token.kind == "punct":
            return self._object()
        self._index += 1
        match token.kind:
            case "int":
                return int(token.text)
            case "float":
                return float(token.text)
            case "string":
                return json.loads(token.text, strict=False)
            case "block":
                return token.text[3:-3].replace('\\"""', '"""').strip()
            case "name":
                words: dict[str, Any] = {"true": True, "false": False, "null": None}
                return words[token.text] if token.text in words else Enum(token.text)
        self._index -= 1
        raise self.unexpected()

    def _list(self) -> list[Any]:
        self.want("[")
        return [] if self.take("]") else self._back("[", "]", self.value)

    def _object(self) -> dict[str, Any]:
        self.want("{")
        return {} if self.take("}") else dict(self._back("{", "}", self.pair))

    def _back(self, opening: str, closing: str, item: Callable[[], Item]) -> list[Item]:
        self._index -= 1
        return self.inside(opening, closing, item)

    def pair(self) -> tuple[str, Any]:
        name = self.name()
        self.want(":")
        return name, self.value()

    def args(self) -> dict[str, Any]:
        return dict(self.inside("(", ")", self.pair)) if self.now.text == "(" else {}

    def type(self) -> TypeRef:
        if self.take("["):
            inner = self.type()
            self.want("]")
            return TypeRef(of=inner, required=self.take("!"))
        name = self.name()
        return TypeRef(name, required=self.take("!"))
