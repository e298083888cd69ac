"""Fidelity switches and faults of the simulated own-brand system, by the names all simulated shops share."""

from __future__ import annotations

from sandbox.world import World

SWITCHES: dict[str, tuple[str, str]] = {
    "custom.push": (
        "on",
        "orders are pushed to the push_url of their shop; off: only the list and files tell",
    ),
    "custom.push_deadline_s": ("5", "seconds the desk has to answer a push"),
    "custom.calls_per_second": ("50", "calls of the list in a second before HTTP 429"),
    "custom.index_lag_s": ("0", "seconds until a change shows in the list"),
    "custom.clock_skew_s": ("0", "seconds the system's clock is ahead, in what it signs and checks"),
    "custom.churn": ("0", "orders that change after each list answer, to expose wrong page walks"),
}
FAULTS: dict[str, str] = {
    "429": "the list answers HTTP 429; seconds: Retry-After (1)",
    "5xx": "the list answers an HTTP error; status: 502, 504 …",
    "html": "HTTP 200 with a web page instead of JSON",
    "reset": "the connection is cut before the answer",
    "truncated": "half of the JSON",
    "slow": "the answer takes this many seconds; seconds: 3",
    "doubled": "a list answer holds a row twice",
    "bad_row": "a list answer holds a row that is no order; field: which is missing (created_at)",
    "push_lost": "a push is never sent",
    "push_doubled": "a push is sent twice",
    "push_late": "a push goes out late; seconds: 60",
    "push_reordered": "a push goes out after the next one of its order",
    "push_bad_signature": "a push is signed with another secret the first time",
    "push_stale": "a push carries a timestamp of ten minutes ago the first time",
    "push_wrong_shop": "a push names another shop",
    "push_bad_order": "a push holds an order without created_at",
}


def number(world: World, name: str) -> float:
    return float(world.switch(f"custom.{name}", SWITCHES[f"custom.{name}"][0]))


def is_on(world: World, name: str) -> bool:
    return world.switch(f"custom.{name}", SWITCHES[f"custom.{name}"][0]) == "on"
