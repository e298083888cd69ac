"""Where handlers register, and the context they work in. The route table is compiled once, at start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from cards.action import Action
from cards.scene import Scene
from domain.chat import Account, Attachment, Inbound, Message, Recipient, SentCard, SubjectRef, Tap
from domain.outbox import SendCard, SendText
from domain.policy import Policies
from domain.ports import UnitOfWork
from domain.staff import Staff


@dataclass
class Context:
    """One incoming item and all a handler may use. Writes go to `uow`, which the dispatcher commits.

    `card` is the tapped card when the item is a Tap; a handler that changes what only this card shows puts a
    changed copy back, and the dispatcher saves it. A tapped card is drawn again after the handler, unless it
    sets `redraw` to False because something else will draw it. `handled_by` names what took the item; ""
    means that nothing did.
    """

    inbound: Inbound
    staff: Staff
    uow: UnitOfWork
    scene: Scene
    routes: Routes
    card: SentCard | None = None
    redraw: bool = True
    handled_by: str = ""

    @property
    def here(self) -> Recipient:
        """Where the words came from: answers go there."""
        inbound = self.inbound
        if isinstance(inbound, Message | Attachment):
            return Recipient(inbound.account, inbound.chat_id, inbound.reply_url, inbound.reply_until)
        return Recipient(inbound.account, inbound.chat_id)

    @property
    def origin(self) -> str:
        """The audit's `origin`: door, app and group."""
        account = self.inbound.account
        chat = f"/{self.inbound.chat_id}" if self.inbound.chat_id else ""
        return f"{account.platform}:{account.app}{chat}"

    def say(self, text: str) -> None:
        self.uow.send(SendText(self.here, text))

    def show(self, subject: SubjectRef, **params: str) -> None:
        self.uow.send(SendCard(self.here, subject, params))

    def show_to(self, account: Account, subject: SubjectRef, **params: str) -> None:
        self.uow.send(SendCard(Recipient(account), subject, params))


CommandHandler = Callable[[Context, str], Awaitable[None]]
TapHandler = Callable[[Context, Tap, Action], Awaitable[None]]
FreeTextHandler = Callable[[Context, str], Awaitable[bool]]
EventHandler = Callable[[Context], Awaitable[None]]

Allowed = Callable[[Staff, Policies], bool]


def everyone(_staff: Staff, _policies: Policies) -> bool:
    return True


@dataclass(frozen=True)
class Command:
    """`name` and `aliases` are what people type first; `usage` and `help` stand in 帮助 for those allowed,
    under `topic`, topics with a smaller `place` first."""

    name: str
    handler: CommandHandler
    usage: str
    help: str
    aliases: tuple[str, ...] = ()
    allowed: Allowed = everyone
    topic: str = ""
    place: int = 50


@dataclass
class Router:
    """The handlers of one module. Refuses a name registered twice when the table is compiled.

    Its commands stand together in 帮助, under the first of them or under `topic` (a command of another module).
    """

    topic: str = ""
    place: int = 50
    commands: list[Command] = field(default_factory=list)
    taps: dict[str, TapHandler] = field(default_factory=dict)
    free_text: list[tuple[int, FreeTextHandler]] = field(default_factory=list)
    events: dict[str, EventHandler] = field(default_factory=dict)

    def command(
        self,
        name: str,
        *,
        usage: str,
        help: str,
        aliases: tuple[str, ...] = (),
        allowed: Allowed = everyone,
    ) -> Callable[[CommandHandler], CommandHandler]:
        def register(handler: CommandHandler) -> CommandHandler:
            topic = self.topic or (self.commands[0].name if self.commands else name)
            made = Command(name, handler, usage, help, aliases, allowed, topic, self.place)
            self.commands.append(made)
            return handler

        return register

    def tap(self, verb: str) -> Callable[[TapHandler], TapHandler]:
        def register(handler: TapHandler) -> TapHandler:
            if verb in self.taps:
                raise ValueError(f"two handlers for tap {verb}")
            self.taps[verb] = handler
            return handler

        return register

    def text(self, *, order: int) -> Callable[[FreeTextHandler], FreeTextHandler]:
        """A handler of free text: tried by `order`; it returns whether the text was its own."""

        def register(handler: FreeTextHandler) -> FreeTextHandler:
            self.free_text.append((order, handler))
            return handler

        return register

    def event(self, kind: str) -> Callable[[EventHandler], EventHandler]:
        """`kind`: entered | menu:<key>."""

        def register(handler: EventHandler) -> EventHandler:
            self.events[kind] = handler
            return handler

        return register


@dataclass(frozen=True)
class Routes:
    """The compiled table: every word and verb to one handler, in one dictionary look-up."""

    commands: tuple[Command, ...]
    words: Mapping[str, Command]
    taps: Mapping[str, TapHandler]
    free_text: tuple[FreeTextHandler, ...]
    events: Mapping[str, EventHandler]
    longest_word: int


def compile_routes(routers: Mapping[str, Router]) -> Routes:
    """Join the routers of all modules (`name -> router`); raise ValueError naming both on a clash."""
    commands: list[Command] = []
    words: dict[str, Command] = {}
    owner: dict[str, str] = {}
    taps: dict[str, TapHandler] = {}
    texts: list[tuple[int, FreeTextHandler]] = []
    events: dict[str, EventHandler] = {}
    for module, router in routers.items():
        keys = [*(w for c in router.commands for w in (c.name, *c.aliases)), *router.taps, *router.events]
        for key in keys:
            if key in owner:
                raise ValueError(f"'{key}' is registered by both {owner[key]} and {module}")
            owner[key] = module
        for command in router.commands:
            commands.append(command)
            words.update({word.casefold(): command for word in (command.name, *command.aliases)})
        taps.update(router.taps)
        texts.extend(router.free_text)
        events.update(router.events)
    ordered = tuple(handler for _, handler in sorted(texts, key=lambda pair: pair[0]))
    return Routes(tuple(commands), words, taps, ordered, events, max(map(len, words), default=0))
