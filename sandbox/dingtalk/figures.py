"""Every figure and unconfirmed behaviour of the simulated DingTalk, with its default (dingtalk.md §11.1, §14).

Each is a fidelity switch named `dingtalk.<name>` in `World.switches`; times are in seconds.
"""

from __future__ import annotations

from sandbox.world import World

DEFAULTS: dict[str, str] = {
    "strict": "1",  # refuse non-string card values, wrong path case, connections/open without Accept
    "token_seconds": "7200",
    "ticket_seconds": "90",
    "ticket_refused_status": "401",  # §14 row 10
    "redelivery_seconds": "60",  # a robot, card or event frame without ack (also seen: 16)
    "redelivery_attempts": "3",
    "redelivery_new_message_id": "0",  # §4.2: reports show both
    "redeliver_on_error": "0",  # robot and card frames acked with 404/500
    "flush_on_connect": "1",  # frames kept while nothing was connected go out at once
    "later_seconds": "60",  # EVENT acked with LATER
    "ping_seconds": "30",
    "connection_seconds": "21600",
    "drain_seconds": "10",
    "card_answer_seconds": "2",
    "push_answer_seconds": "2.5",
    "event_retry_seconds": "10,30",
    "failed_list_delay_seconds": "180",
    "failed_list_clears": "1",  # §3.2: unconfirmed
    "session_seconds": "5400",
    "qps": "20",
    "monthly_calls": "5000",
    "monthly_messages": "3000",
    "count_session_replies": "1",  # §14 row 8
    "count_card_clicks": "1",  # §14 row 8
    "custom_robot_per_minute": "20",
    "custom_robot_ban_seconds": "600",
    "recall_seconds": "86400",
    "card_value_bytes": "0",  # 0 = no hard limit, only a warning above 1024 (§14 row 5)
    "card_value_error": "param.invalid",  # §14 row 5
    "public_template": "1",  # §14 row 2
    "templates": "",  # ids of own templates every app may use, comma separated
    "space_type": "im",  # §14 row 7
    "org_robots_add": "ok",  # ok, 403 or 404 (§14 row 3)
    "robot_absent_code": "resource.not.found",  # §14 row 4
    "dtmd_group_mention": "0",  # 1: a tapped dtmd link in a group reaches the robot (§14 row 11)
    "group_ceiling": "1000",
    "late_seconds": "5",
    "reorder_seconds": "2",
}


def text(world: World, name: str) -> str:
    return world.switch(f"dingtalk.{name}", DEFAULTS[name])


def number(world: World, name: str) -> float:
    return float(text(world, name))


def whole(world: World, name: str) -> int:
    return int(float(text(world, name)))


def enabled(world: World, name: str) -> bool:
    return text(world, name).lower() not in {"", "0", "false", "off", "no"}


def names(world: World, name: str) -> list[str]:
    return [part.strip() for part in text(world, name).split(",") if part.strip()]
