"""The simulated organisation's state, written through to the world's store and indexed for reading."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any

from sandbox.dingtalk import figures, ids
from sandbox.dingtalk.counters import Counters
from sandbox.dingtalk.quota import Quota
from sandbox.dingtalk.records import App, Card, Group, Message, Session, card_key
from sandbox.world import Exchange, Person, World

SEED_GROUP = "订单协同群"
NAME = "dingtalk"


class Tenant:
    """Apps, groups, messages, cards and sessions; every change goes to the store at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = world.store
        self.quota = Quota(world)
        self.counters = Counters(world)
        self.apps: dict[str, App] = {}
        self.groups: dict[str, Group] = {}
        self.messages: dict[str, Message] = {}
        self.cards: dict[str, Card] = {}
        self.sessions: dict[str, Session] = {}
        self.sends: dict[str, list[Message]] = defaultdict(list)  # processQueryKey -> bubbles
        self._known: tuple[Person, ...] = ()
        self._people: dict[str, Person] = {}
        self._boxes: dict[str, OrderedDict[str, Message]] = defaultdict(OrderedDict)
        self._memberships: dict[str, set[str]] = defaultdict(set)
        self.corp_id = self._load_corp()
        self._load()
        if not self.apps:
            self.add_app("main", {})

    # loading

    def _load_corp(self) -> str:
        kept = self.store.get("dingtalk.corp", "corp")
        corp_id = str(kept["id"]) if kept else ids.corp_id()
        self.store.put("dingtalk.corp", "corp", {"id": corp_id})
        return corp_id

    def _load(self) -> None:
        for name, doc in self.store.all("dingtalk.app"):
            self.apps[name] = App(**doc)
        for _, doc in self.store.all("dingtalk.group"):
            self._index_group(Group(**doc))
        for key, doc in self.store.all("dingtalk.card"):
            self.cards[key] = Card(**doc)
        for key, doc in self.store.all("dingtalk.session"):
            self.sessions[key] = Session(**doc)
        kept = [Message(**doc) for _, doc in self.store.all("dingtalk.message")]
        for message in sorted(kept, key=lambda found: found.seq):
            message.exchange_ids = []  # raw exchanges live only as long as the process
            if message.delivery == "sent":
                message.delivery = "undelivered"
            self._index_message(message)

    def _index_group(self, group: Group) -> None:
        for userid in self._memberships:
            self._memberships[userid].discard(group.cid)
        for userid in group.members:
            self._memberships[userid].add(group.cid)
        self.groups[group.cid] = group

    def _index_message(self, message: Message) -> None:
        self.messages[message.id] = message
        box = self._boxes[message.chat or f"user:{message.user}"]
        box[message.id] = message
        box.move_to_end(message.id)
        if message.process_key and message not in self.sends[message.process_key]:
            self.sends[message.process_key].append(message)

    # people and apps

    def person(self, userid: str) -> Person | None:
        if self._known is not self.world.people:  # somebody was added
            self._known = self.world.people
            self._people = {person.dingtalk: person for person in self._known}
        return self._people.get(userid)

    def add_app(self, name: str, options: dict[str, Any]) -> App:
        """Make an app with credentials of its own and a group that everybody and its robot are in."""
        app = App(
            name=name,
            client_id=ids.client_id(),
            client_secret=ids.client_secret(),
            event_token=ids.event_token(),
            encoding_aes_key=ids.encoding_aes_key(),
            custom_robot_token=ids.hex32() + ids.hex32(),
            custom_robot_secret="SEC" + ids.hex32() + ids.hex32(),
        )
        _change(app, options)
        everyone = [p.dingtalk for p in self.world.people]
        app.group = self.add_group(app, SEED_GROUP, everyone[0], everyone, [name]).cid
        self.apps[name] = app
        self.save_app(app)
        return app

    def change_app(self, app: App, options: dict[str, Any]) -> None:
        _change(app, options)
        self.save_app(app)

    def save_app(self, app: App) -> None:
        self.store.put("dingtalk.app", app.name, vars(app))

    def app(self, name: str) -> App:
        """The app of that name; "" means the first."""
        found = self.apps.get(name or "main")
        if found is None:
            raise LookupError(f"no DingTalk app named {name!r}")
        return found

    def app_by_client(self, client_id: str) -> App | None:
        return next((app for app in self.apps.values() if app.client_id == client_id), None)

    def app_by_token(self, token: str) -> App | None:
        """The app this token belongs to, if it is still valid."""
        now = self.world.clock.epoch_ms()
        for app in self.apps.values():
            if app.access_token == token and app.token_until_ms > now:
                return app
        return None

    # groups

    def add_group(
        self,
        app: App,
        name: str,
        owner: str,
        members: list[str],
        robots: list[str] | None = None,
        **scene: Any,
    ) -> Group:
        """`scene` are the fields of Group that only scene groups have."""
        group = Group(
            ids.conversation_id(),
            ids.chat_id(),
            name,
            owner,
            list(dict.fromkeys(members)),
            robots or [],
            app.name,
            born_ms=self.world.clock.epoch_ms(),
            **scene,
        )
        self.save_group(group)
        return group

    def save_group(self, group: Group) -> None:
        self._index_group(group)
        self.store.put("dingtalk.group", group.cid, vars(group))
        self.world.publish({"event": "chat", "platform": NAME, "chat": group.cid})

    def group_by_chatid(self, chatid: str) -> Group | None:
        return next((group for group in self.groups.values() if group.chatid == chatid), None)

    # sessions

    def open_session(self, app: App, user: str, chat: str) -> Session:
        """A sessionWebhook is alive 90 minutes (dingtalk.md §2.2)."""
        life = int(figures.number(self.world, "session_seconds") * 1000)
        session = Session(ids.hex32(), app.name, user, chat, self.world.clock.epoch_ms() + life)
        self.sessions[session.key] = session
        self.store.put("dingtalk.session", session.key, vars(session))
        return session

    # messages

    def post(
        self, app: App, *, chat: str, user: str, sender: str, kind: str, text: str, **rest: Any
    ) -> Message:
        """Put a bubble into a chat window; `rest` are further fields of Message."""
        clock = self.world.clock
        now = clock.now().isoformat()
        message = Message(
            ids.message_id(),
            self.world.next_seq(),
            app.name,
            chat,
            user,
            sender,
            now,
            now,
            kind,
            text,
            created_ms=clock.epoch_ms(),
            **rest,
        )
        self._index_message(message)
        self._save_message(message)
        if sender == "bot":
            self.counters.add(app.name, "accepted")
        self._announce(message)
        return message

    def touch(self, message: Message, *, visible: bool = True) -> None:
        """Save a changed bubble; with `visible` it gets a new seq and the consoles hear of it."""
        if visible:
            message.seq = self.world.next_seq()
            message.updated_at = self.world.clock.now().isoformat()
            self._index_message(message)
        self._save_message(message)
        if visible:
            self._announce(message)

    def mark(self, message_id: str, delivery: str) -> None:
        """Note how far a person's message got on its way to the app."""
        message = self.messages.get(message_id)
        if message is None or message.sender == "bot" or message.delivery == delivery:
            return
        message.delivery = delivery
        self.touch(message)

    def _save_message(self, message: Message) -> None:
        self.store.put("dingtalk.message", message.id, vars(message))

    def _announce(self, message: Message) -> None:
        event = {"event": "message", "platform": NAME, "app": message.app, "user": message.user}
        self.world.publish({**event, "chat": message.chat, "id": message.id})

    def link(self, exchange: Exchange, message_ids: list[str]) -> None:
        """Let a raw exchange be found from the bubbles it made or changed."""
        for message_id in message_ids:
            message = self.messages.get(message_id)
            if message is not None:
                message.exchange_ids.append(exchange.id)

    def boxes(self, user: str, chat: str) -> Iterator[OrderedDict[str, Message]]:
        """The windows that one person, or one group, consists of."""
        if not user and not chat:
            yield from list(self._boxes.values())
            return
        if chat:
            yield self._boxes[chat]
            return
        yield self._boxes[f"user:{user}"]
        for cid in sorted(self._memberships[user]):
            yield self._boxes[cid]

    # cards

    def card(self, app: str, out_track_id: str) -> Card | None:
        return self.cards.get(card_key(app, out_track_id))

    def save_card(self, card: Card) -> None:
        self.cards[card.key] = card
        self.store.put("dingtalk.card", card.key, vars(card))

    def touch_card(self, card: Card, *, shared: bool = False) -> None:
        """Save a card and give its bubbles a new seq; a shared change counts as an update."""
        if shared:
            card.updates += 1
            self.counters.add(card.app, "updates")
        self.save_card(card)
        for bubble in card.bubbles:
            message = self.messages[bubble]
            message.updates = card.updates
            self.touch(message)


def _template(option: Any) -> dict[str, Any]:
    """An own template is given as its id, or as `{"id", "buttons": […]}`."""
    return dict(option) if isinstance(option, dict) else {"id": str(option)}


def _change(app: App, options: dict[str, Any]) -> None:
    for key in ("robot_name", "mode", "scopes", "visible"):
        if key in options:
            setattr(app, key, options[key])
    if "callback_url" in options:
        app.callback_url = str(options["callback_url"]).rstrip("/")
    if "templates" in options:
        app.templates = [_template(found) for found in options["templates"]]
