"""Every figure and unconfirmed behaviour of the simulated DingTalk, with its default (dingtalk.md §11.1, §14).

Each is a fidelity switch named `dingtalk.<name>` in `World.switches`; times are in seconds.
"""

from __future__ import annotations

from sandbox.world import World

SWITCHES: dict[str, tuple[str, str]] = {
    "strict": ("on", "refuse non-string card values, wrong path case, connections/open without Accept"),
    "token_seconds": ("7200", "life of an access token"),
    "ticket_seconds": ("90", "life of a Stream ticket"),
    "ticket_refused_status": ("401", "HTTP status of a used or expired ticket (§14 row 10)"),
    "redelivery_seconds": ("60", "wait for an ack before a frame or robot push comes again (also seen: 16)"),
    "redelivery_attempts": ("3", "deliveries of one frame or robot push in all"),
    "redelivery_new_message_id": ("off", "a redelivered frame has a new messageId (§14 row 1)"),
    "redeliver_on_error": ("off", "robot and card frames acked with 404 or 500 come again"),
    "flush_on_connect": ("on", "frames kept while nothing was connected go out on connect"),
    "later_seconds": ("60", "wait after an event was answered LATER"),
    "ping_seconds": ("30", "between two platform pings of a connection"),
    "connection_seconds": ("21600", "age at which a connection gets its disconnect frame"),
    "drain_seconds": ("10", "from the disconnect frame to the closed socket"),
    "card_answer_seconds": ("2", "real seconds a card callback may take"),
    "push_answer_seconds": ("2.5", "real seconds an HTTP push may take"),
    "event_first_retry_seconds": ("10", "first retry of an HTTP event"),
    "event_second_retry_seconds": ("30", "second retry of an HTTP event"),
    "failed_list_delay_seconds": ("180", "until a failed event is listed"),
    "failed_list_clears": ("on", "reading the failed list clears it (§3.2)"),
    "session_seconds": ("5400", "life of a sessionWebhook (§14 row 14)"),
    "qps": ("20", "calls per app and path in one second"),
    "monthly_calls": ("5000", "API calls of the organisation in a month"),
    "monthly_messages": ("3000", "webhook and Stream messages of the organisation in a month"),
    "count_session_replies": ("on", "sessionWebhook replies count as messages (§14 row 8)"),
    "count_card_clicks": ("on", "card clicks count as messages (§14 row 8)"),
    "custom_robot_per_minute": ("20", "messages of a custom robot in a minute"),
    "custom_robot_ban_seconds": ("600", "how long a custom robot is refused after that"),
    "recall_seconds": ("86400", "how long a robot message can be recalled or queried"),
    "card_value_bytes": ("0", "hard limit of one card value; 0: only a note above 1024 (§14 row 5)"),
    "card_value_error": ("param.invalid", "code for a card value that is no string (§14 row 5)"),
    "public_template": ("on", "the public button template may be used (§14 row 2)"),
    "templates": ("", "ids of own card templates every app may use, comma separated"),
    "space_type": ("im", "spaceType in card callbacks: im, IM or IM_GROUP (§14 row 7)"),
    "org_robots_add": ("ok", "robot/groups/orgRobots/add answers ok, 403 or 404 (§14 row 3)"),
    "robot_absent_code": ("resource.not.found", "code of a send to a group without the robot (§14 row 4)"),
    "dtmd_group_mention": ("off", "a dtmd link tapped in a group reaches the robot (§14 row 11)"),
    "group_ceiling": ("1000", "groups of the organisation"),
    "group_templates": ("", "ids of published scene-group templates every app may use, comma separated"),
    "group_robot_seconds": ("2", "until the template's own robot is in a new scene group"),
    "late_seconds": ("5", "how late the fault `late` delivers without args.seconds"),
    "reorder_seconds": ("2", "how long the fault `reorder` holds a delivery when none overtakes it"),
}

FAULTS: dict[str, str] = {
    "429": "a call is refused for its rate: 403 Qps… (old API 90018)",
    "5xx": "a call is answered 500 system.error (args.status: 429, 504; old API -1) and does nothing",
    "quota": "a call is refused as if the month's calls were used up",
    "permission": "a call is refused as if its scope were not granted",
    "token_revoked": "the token in use dies; the call is refused",
    "lost_answer": "a call does its work, then the connection closes without an answer",
    "late": "a delivery to the app comes late: args.seconds, default 5",
    "duplicate": "a delivery to the app comes twice",
    "reorder": "a delivery to the app is overtaken by the next one",
    "half_dead": "a Stream socket stays open, hears nothing and says nothing (args.app)",
    "disconnect": "a Stream connection gets its disconnect frame (args.app, args.reason)",
    "torn": "a Stream connection breaks off without a close (args.app)",
    "lost_ack": "the ack of a Stream frame is lost: the frame comes again",
    "late_ack": "the ack of a Stream frame is heard late: args.seconds, default 5",
    "open_refused": "connections/open answers 503",
    "session_expired": "a sessionWebhook answers 300001",
    "deliver_failed": "a card delivery fails inside a 200",
    "template_missing": "a card template is not found",
}


def describe(world: World) -> None:
    """Let the control API list the switches and faults."""
    world.describe_switches({f"dingtalk.{name}": entry for name, entry in SWITCHES.items()})
    world.describe_faults("dingtalk", FAULTS)


def text(world: World, name: str) -> str:
    return world.switch(f"dingtalk.{name}", SWITCHES[name][0])


def number(world: World, name: str) -> float:
    return float(text(world, name))


def whole(world: World, name: str) -> int:
    return int(number(world, name))


def enabled(world: World, name: str) -> bool:
    return text(world, name).lower() not in {"", "0", "false", "off", "no"}


def names(world: World, name: str) -> list[str]:
    return [part.strip() for part in text(world, name).split(",") if part.strip()]
