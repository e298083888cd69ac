"""A button's payload: typed, small, and checked when it is made, not when a platform refuses it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.chat import SubjectRef

MAX_BYTES = 1024  # WeCom's limit for a button key (wecom.md §4.4), the tightest of all doors
_PART = re.compile(r"[^|\x00-\x1f]*")


class BadAction(ValueError):
    """Not a payload of ours: forged, cut or from another system."""


@dataclass(frozen=True)
class Action:
    """`verb` names the handler (`refund.approve`), `revision` the state of the subject the card showed."""

    verb: str
    subject: SubjectRef
    revision: int = 0
    args: tuple[str, ...] = ()

    def encode(self) -> str:
        parts = (self.verb, self.subject.type, self.subject.id, str(self.revision), *self.args)
        text = "|".join(parts)
        if not all(_PART.fullmatch(p) for p in parts) or len(text.encode()) > MAX_BYTES:
            raise BadAction(
                f"cannot encode action {self.verb}: a part holds '|' or it exceeds {MAX_BYTES} bytes"
            )
        return text


def decode(text: str) -> Action:
    """Read what `Action.encode` made; raise BadAction for anything else."""
    verb, _, rest = text.partition("|")
    parts = rest.split("|")
    if (
        len(parts) < 3
        or not verb
        or not parts[2].isascii()
        or not parts[2].isdigit()
        or len(text) > MAX_BYTES
    ):
        raise BadAction("not an action of ours")
    return Action(verb, SubjectRef(parts[0], parts[1]), int(parts[2]), tuple(parts[3:]))
