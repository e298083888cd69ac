"""message/send, update_template_card and recall (wecom.md §4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from sandbox.wecom import cards, content, switches
from sandbox.wecom.apps import App, letters
from sandbox.wecom.card_view import INTERACTIVE
from sandbox.wecom.codes import Code, Codes
from sandbox.wecom.counters import Counters
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call
from sandbox.wecom.media import MediaLibrary
from sandbox.wecom.recipients import Members
from sandbox.wecom.throttle import DAY, HOUR, Tally, Window
from sandbox.wecom.timeline import CARD, Copy, Timeline
from sandbox.world import World

RECALL_LIFE = 24 * HOUR
DUPLICATE_DEFAULT, DUPLICATE_MOST = 1800, 14400  # seconds


class Sender:
    """Takes what an app sends and files a copy for each recipient."""

    def __init__(
        self,
        world: World,
        timeline: Timeline,
        members: Members,
        media: MediaLibrary,
        codes: Codes,
        counters: Counters,
    ) -> None:
        self._world = world
        self._timeline = timeline
        self._members = members
        self._media = media
        self._codes = codes
        self._counters = counters
        self._per_member = Window(world.clock)
        self._person_times = Tally(world.clock)
        self._task_ids = {key for key, _ in world.store.all("wecom.task")}
        self._sent = self._load_sent()

    def _load_sent(self) -> dict[str, dict[str, Any]]:
        now = self._world.clock.epoch()
        return {k: doc for k, doc in self._world.store.all("wecom.sent") if doc["at"] > now - DUPLICATE_MOST}

    def send(self, call: Call) -> dict[str, Any]:
        """`message/send`: every check before any copy is filed."""
        body = call.body
        users, parties, tags = (_ids(body.get(name)) for name in ("touser", "toparty", "totag"))
        if not users and not parties and not tags:
            raise WecomError(82001)
        _check_counts(users, parties, tags)
        call.check_agent(body.get("agentid"))
        repeated = self._duplicate(call)
        if repeated:
            call.message_id = repeated
            return {"msgid": repeated}
        draft = self._draft(call)
        target = self._members.target(call.app, users, parties, tags)
        if not target.users:
            raise WecomError(81013)
        self._charge(call.app, len(target.users))
        draft.task_id = self._claim_task(call.app, draft.card)
        call.message_id = draft.id
        for user in target.users:
            self._file(draft, user)
        self._remember(call)
        result: dict[str, Any] = {**target.lists(), "msgid": draft.id}
        if draft.card is not None and cards.has_callback(draft.card):
            result["response_code"] = self._codes.issue(call.app.name, draft.id)
        return result

    def _draft(self, call: Call) -> Copy:
        """The message without a recipient; raises when its body is refused."""
        kind = call.body.get("msgtype")
        draft = Copy(id=letters(50), user="", app=call.app.name, sender="bot", type=str(kind))
        if kind == CARD:
            draft.card = self._checked_card(call, call.body.get(CARD))
            draft.text = _card_text(draft.card)
            return draft
        seen = content.read(str(kind), call.body, self._media.name)
        draft.text, draft.cut, draft.media_id, draft.url = seen.text, seen.cut, seen.media_id, seen.url
        return draft

    def _checked_card(self, call: Call, body: Any, *, update: bool = False) -> dict[str, Any]:
        card = cards.check(body, update=update)
        if not update and cards.has_callback(card) and not call.app.callback_url:
            raise WecomError(43012)
        for fact in card.get("horizontal_content_list") or []:
            if fact.get("type") == 2:
                self._media.get(fact["media_id"])
        return card

    def _claim_task(self, app: App, card: dict[str, Any] | None) -> str:
        """task_id is unique within the app for ever; a second use is 42014."""
        if card is None or not cards.needs_task_id(card):
            return ""
        task_id = str(card["task_id"])
        key = f"{app.name}/{task_id}"
        if key in self._task_ids:
            raise WecomError(42014, "duplicate task_id")
        self._task_ids.add(key)
        self._world.store.put("wecom.task", key, {})
        return task_id

    def _charge(self, app: App, people: int) -> None:
        limit = int(switches.number(self._world, "account_limit")) * 200
        if not self._person_times.admit(app.name, limit, DAY, people):
            raise WecomError(45009)

    def _file(self, draft: Copy, user: str) -> None:
        copy = Copy(**{**vars(draft), "user": user, "exchange_ids": []})
        minute, hour = (int(switches.number(self._world, f"member_per_{w}")) for w in ("minute", "hour"))
        if switches.is_on(self._world, "silent_drop"):
            copy.dropped = not self._per_member.admit((draft.app, user), minute, hour)
        self._timeline.add(copy)
        self._counters.add(draft.app, "dropped" if copy.dropped else "accepted")

    def _duplicate(self, call: Call) -> str:
        """The msgid of an identical body within the interval, when the check is asked for (§4.9)."""
        if call.body.get("enable_duplicate_check") != 1:
            return ""
        wished = call.body.get("duplicate_check_interval")
        interval = wished if isinstance(wished, int) and wished > 0 else DUPLICATE_DEFAULT
        earlier = self._sent.get(_digest(call))
        if earlier is None:
            return ""
        fresh = self._world.clock.epoch() - int(earlier["at"]) < min(interval, DUPLICATE_MOST)
        return str(earlier["msgid"]) if fresh else ""

    def _remember(self, call: Call) -> None:
        sent = {"at": self._world.clock.epoch(), "msgid": call.message_id}
        self._sent[_digest(call)] = sent
        self._world.store.put("wecom.sent", _digest(call), sent)

    def update(self, call: Call) -> dict[str, Any]:
        """`update_template_card`: form A greys the buttons, form B replaces the card (§4.7)."""
        body = call.body
        call.check_agent(body.get("agentid"))
        code = self._codes.usable(body.get("response_code"), call.app)
        call.message_id = code.message_id
        try:
            change = self._change(call)
        except WecomError:
            if switches.is_on(self._world, "failed_update_spends_code"):
                self._codes.spend(code)
            raise
        chosen, invalid = self._update_targets(call, code)
        self._codes.spend(code)
        for copy in chosen:
            self.apply(copy, change)
        self._counters.add(call.app.name, "updates")
        return {"invaliduser": invalid}

    def _change(self, call: Call) -> dict[str, Any]:
        button, card = call.body.get("button"), call.body.get(CARD)
        if (button is None) == (card is None):
            raise WecomError(40058, "exactly one of button and template_card")
        if card is not None:
            return {"card": self._checked_card(call, card, update=True)}
        name = button.get("replace_name") if isinstance(button, dict) else None
        if not isinstance(name, str) or not name:
            raise WecomError(40058, "missing button.replace_name")
        shown = self._timeline.copies(call.message_id)
        if not any((c.card or {}).get("card_type") in INTERACTIVE for c in shown):
            raise WecomError(40058, "this card has no buttons to replace")
        return {"replace_name": name}

    def _update_targets(self, call: Call, code: Code) -> tuple[list[Copy], list[str]]:
        copies = self._timeline.copies(code.message_id)
        if call.body.get("atall") == 1:
            if code.tapper and not switches.is_on(self._world, "tap_code_updates_all"):
                return [c for c in copies if c.user == code.tapper], []
            return copies, []
        users, parties, tags = (_ids(call.body.get(name)) for name in ("userids", "partyids", "tagids"))
        if not users and not parties and not tags:
            raise WecomError(82101)
        _check_counts(users, parties, tags)
        target = self._members.target(call.app, users, parties, tags)
        chosen = [c for c in copies if c.user in target.users]
        if not chosen:
            raise WecomError(82102)
        strangers = [u for u in target.users if u not in {c.user for c in chosen}]
        return chosen, [*target.invalid_users, *(u.lower() for u in strangers)]

    def apply(self, copy: Copy, change: dict[str, Any]) -> None:
        """Show a change in one recipient's view."""
        if "card" in change:
            copy.card, copy.replace_name = change["card"], ""
            copy.text = _card_text(change["card"])
        else:
            copy.replace_name = change["replace_name"]
        copy.pending = ""
        copy.updates += 1
        self._timeline.touch(copy)

    def recall(self, call: Call) -> dict[str, Any]:
        """`message/recall` within 24 h by the same app."""
        copies = self._timeline.copies(str(call.body.get("msgid") or ""))
        if not copies or copies[0].app != call.app.name or copies[0].sender != "bot":
            raise WecomError(40058, "invalid msgid")
        if self._world.clock.epoch() - copies[0].sent >= RECALL_LIFE:
            raise WecomError(42052)
        call.message_id = copies[0].id
        for copy in copies:
            copy.recalled = True
            self._timeline.touch(copy)
        return {}


def _ids(value: Any) -> list[str]:
    """Ids joined by `|`, or a list (update_template_card)."""
    parts: Iterable[Any] = value if isinstance(value, list) else str(value or "").split("|")
    return [str(part).strip() for part in parts if str(part).strip()]


def _check_counts(users: list[str], parties: list[str], tags: list[str]) -> None:
    if len(users) > 1000:
        raise WecomError(40032, "too many userids")
    if len(parties) > 100:
        raise WecomError(82002)
    if len(tags) > 100:
        raise WecomError(82003)


def _digest(call: Call) -> str:
    """The body's identity: all of it but the switches of the check itself."""
    ignored = ("enable_duplicate_check", "duplicate_check_interval")
    rest = {key: value for key, value in call.body.items() if key not in ignored}
    text = call.app.name + json.dumps(rest, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _card_text(card: dict[str, Any]) -> str:
    """The line a notification shows."""
    return str((card.get("main_title") or {}).get("title") or card.get("sub_title_text") or "")
