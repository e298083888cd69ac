"""The neutral card: what a view makes and every chat door draws its own way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.chat import SubjectRef


class Light(StrEnum):
    """The lamp in front of a title."""

    NONE = ""
    GREEN = "🟢"
    YELLOW = "🟡"
    RED = "🔴"
    GREY = "⚪"


class Style(StrEnum):
    PRIMARY = "primary"
    NORMAL = "normal"
    DANGER = "danger"


@dataclass(frozen=True)
class Field:
    """A fact: `label` up to 5 characters, `value` up to 30 before a phone cuts it."""

    label: str
    value: str


@dataclass(frozen=True)
class Button:
    """`action` is an encoded `cards.action.Action`; `command` the words that do the same when typed."""

    text: str
    action: str
    command: str
    style: Style = Style.NORMAL


@dataclass(frozen=True)
class Card:
    """One card for one viewer. A card with `final` set has no live buttons: `final` stands in their place.

    `lines` are short paragraphs under the facts (newest timeline, what to do next). `menu` holds rare
    actions (为什么 …): in the corner where a door has one, else as last buttons. `summary` is the one line a
    notification shows, and the whole message where a door cannot carry or change cards.
    """

    kind: str
    subject: SubjectRef
    title: str
    summary: str
    light: Light = Light.NONE
    subtitle: str = ""
    fields: tuple[Field, ...] = ()
    lines: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    menu: tuple[Button, ...] = ()
    final: str = ""
    footer: str = ""
    page: str = ""  # the staff page behind it, under /console: `orders/12`
    link: str = ""  # its address for this reader, filled when the card is drawn

    @property
    def heading(self) -> str:
        return f"{self.light.value} {self.title}".strip()

    @property
    def urgent(self) -> bool:
        """Worth the last means a door has of changing the card: a yellow light that has turned red."""
        return self.kind == "alert.turned" and not self.final

    @property
    def actions(self) -> frozenset[str]:
        """Every encoded action this card offers its viewer."""
        return (
            frozenset(b.action for b in (*self.buttons, *self.menu))
            if not self.final
            else frozenset(b.action for b in self.menu)
        )
