"""What the simulated tenant keeps: apps, groups, messages, cards, sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCOPES = (
    "qyapi_base",
    "qyapi_robot_sendmsg",
    "Card.Instance.Write",
    "Card.Streaming.Write",
    "qyapi_chat_manage",
    "qyapi_get_member",
    "qyapi_get_member_by_mobile",
    "qyapi_get_department_list",
)


@dataclass
class App:
    """An internal app with a robot; Client ID = AppKey = robotCode."""

    name: str
    client_id: str
    client_secret: str
    event_token: str
    encoding_aes_key: str
    robot_name: str = "前哨"
    mode: str = "stream"  # stream | http
    callback_url: str = ""  # robot, event and card pushes go to <callback_url>/robot …
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    visible: list[str] = field(default_factory=list)  # user ids; empty = everybody
    templates: list[dict[str, Any]] = field(default_factory=list)  # own card templates {id, buttons}
    custom_robot_token: str = ""
    custom_robot_secret: str = ""
    group: str = ""  # the seeded group
    access_token: str = ""
    token_until_ms: int = 0
    card_routes: dict[str, dict[str, str]] = field(default_factory=dict)  # route key -> url, api_secret
    event_route: dict[str, Any] = field(default_factory=dict)  # register_call_back

    @property
    def robot_code(self) -> str:
        return self.client_id

    def sees(self, userid: str) -> bool:
        return not self.visible or userid in self.visible


@dataclass
class Group:
    """An internal group, or a scene group when `template` is set; `robots` holds names of apps whose robot was
    added, `group_robot` the code of the template's own robot, which comes `born_ms` + a moment."""

    cid: str
    chatid: str
    name: str
    owner: str
    members: list[str]
    robots: list[str]
    app: str
    disbanded: bool = False
    template: str = ""
    uuid: str = ""
    group_robot: str = ""
    born_ms: int = 0


@dataclass
class Message:
    """One bubble in a chat window; a card bubble points at its card by `card`."""

    id: str
    seq: int
    app: str
    chat: str  # openConversationId of a group, "" in one-to-one chats
    user: str  # the person of a one-to-one chat, else who wrote
    sender: str  # "bot" or a user id
    at: str
    updated_at: str
    type: str  # text | markdown | image | file | card | actioncard
    text: str
    content: dict[str, Any] = field(default_factory=dict)
    card: str = ""  # outTrackId
    recipients: list[str] = field(default_factory=list)  # group bubble visible only to them
    mentions: list[str] = field(default_factory=list)
    delivery: str = ""  # of a person's message: sent, delivered, undelivered, unaddressed
    process_key: str = ""
    created_ms: int = 0
    recalled: bool = False
    updates: int = 0
    exchange_ids: list[int] = field(default_factory=list)


@dataclass
class Card:
    """A card instance: shared data, data per person, and what a tap's answer showed its tapper."""

    out_track_id: str
    app: str
    template: str
    callback_type: str
    route_key: str
    user_id_type: int
    public: dict[str, Any]
    private: dict[str, dict[str, Any]] = field(default_factory=dict)
    overlay: dict[str, dict[str, Any]] = field(default_factory=dict)
    buttons: dict[str, dict[str, Any]] = field(default_factory=dict)  # every callback button ever shown
    bubbles: list[str] = field(default_factory=list)  # message ids
    pending: list[str] = field(default_factory=list)  # people whose tap waits for its answer
    updates: int = 0

    @property
    def key(self) -> str:
        return card_key(self.app, self.out_track_id)

    def data(self, user: str) -> dict[str, Any]:
        """The variables this person's client renders with."""
        return {**self.overlay.get(user, self.public), **self.private.get(user, {})}


def card_key(app: str, out_track_id: str) -> str:
    return f"{app}/{out_track_id}"


@dataclass
class Session:
    """A sessionWebhook: who may be answered where, and until when (milliseconds)."""

    key: str
    app: str
    user: str
    chat: str
    until_ms: int
