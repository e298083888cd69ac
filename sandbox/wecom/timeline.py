"""What each person and group sees: one copy of a message per recipient, indexed by view."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.wecom import card_view
from sandbox.world import World

CARD = "template_card"


@dataclass
class Copy:
    """One message as one recipient has it. `id` is the msgid (or MsgId of what a person typed).

    `card` is the template_card JSON shown now; `replace_name` stands over its buttons (update form A);
    `pending` is the action tapped and not yet answered by an update.
    """

    id: str
    user: str
    app: str
    sender: str  # "bot" or the userid
    type: str
    text: str = ""
    chat: str = ""
    seq: int = 0
    at: str = ""
    updated_at: str = ""
    card: dict[str, Any] | None = None
    replace_name: str = ""
    pending: str = ""
    task_id: str = ""
    dropped: bool = False
    recalled: bool = False
    cut: bool = False
    updates: int = 0
    delivery: str = ""  # of what a person said: pending, delivered, failed or not_delivered
    media_id: str = ""
    url: str = ""
    sent: int = 0  # seconds since 1970, sandbox clock
    exchange_ids: list[int] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        return (self.id, self.user or self.chat)

    def shown_text(self) -> str:
        return "[消息已撤回]" if self.recalled else self.text

    def view(self) -> dict[str, Any]:
        """The shape GET /messages and the console share."""
        shown: dict[str, Any] = {
            "id": self.id,
            "seq": self.seq,
            "platform": "wecom",
            "app": self.app,
            "chat": self.chat,
            "user": self.user,
            "from": self.sender,
            "at": self.at,
            "updated_at": self.updated_at,
            "type": "card" if self.card is not None else self.type,
            "text": self.shown_text(),
            "dropped": self.dropped,
            "updates": self.updates,
            "exchange_ids": self.exchange_ids,
        }
        extras = {
            "file_name": self.text.partition("\n")[0] if self.media_id else "",
            "media_id": self.media_id,
            "url": self.url,
            "delivery": self.delivery,
            "task_id": self.task_id,
        }
        shown.update({k: v for k, v in extras.items() if v})
        shown.update({k: True for k in ("recalled", "cut") if getattr(self, k)})
        if self.card is not None and not self.recalled:
            shown["card"] = card_view.render(self.card, self.replace_name, self.pending)
        return shown


class Timeline:
    """All copies; views are kept in order of their last change so that polling reads only news."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_key: dict[tuple[str, str], Copy] = {}
        self._by_id: defaultdict[str, list[Copy]] = defaultdict(list)
        self._views: defaultdict[str, OrderedDict[tuple[str, str], Copy]] = defaultdict(OrderedDict)
        loaded = [Copy(**doc) for _, doc in world.store.all("wecom.message")]
        for copy in sorted(loaded, key=lambda c: c.seq):
            copy.exchange_ids = []  # raw exchanges do not outlive the process
            if copy.delivery == "pending":
                copy.delivery = "failed"
            self._file(copy)

    def _file(self, copy: Copy) -> None:
        if copy.key not in self._by_key:
            self._by_key[copy.key] = copy
            self._by_id[copy.id].append(copy)
        for name in ("", f"chat:{copy.chat}" if copy.chat else f"user:{copy.user}"):
            view = self._views[name]
            view[copy.key] = copy
            view.move_to_end(copy.key)

    def add(self, copy: Copy) -> Copy:
        copy.at = self._world.clock.now().isoformat()
        copy.sent = self._world.clock.epoch()
        self.touch(copy)
        return copy

    def touch(self, copy: Copy) -> None:
        """The copy changed: give it a new seq, keep it, tell the consoles."""
        copy.seq = self._world.next_seq()
        copy.updated_at = self._world.clock.now().isoformat()
        self._file(copy)
        self._world.store.put("wecom.message", "/".join(copy.key), vars(copy))
        self._world.publish(
            {"event": "message", "platform": "wecom", "user": copy.user, "chat": copy.chat, "id": copy.id}
        )

    def get(self, message_id: str, user: str) -> Copy | None:
        return self._by_key.get((message_id, user))

    def copies(self, message_id: str) -> list[Copy]:
        return self._by_id.get(message_id, [])

    def link(self, message_id: str, exchange_id: int) -> None:
        for copy in self.copies(message_id):
            copy.exchange_ids.append(exchange_id)

    def view(self, *, user: str = "", chat: str = "", after: int = 0) -> list[dict[str, Any]]:
        """Copies with `seq > after`, oldest change first; no user and no chat: everybody's."""
        name = f"chat:{chat}" if chat else f"user:{user}" if user else ""
        news: list[Copy] = []
        for copy in reversed(self._views[name].values() if name in self._views else ()):
            if copy.seq <= after:
                break
            news.append(copy)
        return [self._shown(copy) for copy in reversed(news)]

    def _shown(self, copy: Copy) -> dict[str, Any]:
        shown = copy.view()
        if copy.media_id and not copy.url:
            shown["url"] = f"{self._world.base}/wecom/img/{copy.media_id}"
        return shown
