"""The sync engine's states as rows, and back."""

from __future__ import annotations

import zlib
from typing import Any

import orjson
from sqlalchemy import RowMapping

from domain.sync import Held, Push, PushState, Quarantined, ShopSync
from storage.instants import from_micros, maybe_instant, maybe_micros, to_micros
from storage.secrets import DataKeys
from storage.texts import storable


def shop_row(state: ShopSync) -> dict[str, Any]:
    return {
        "shop_code": state.shop_code,
        "cursor": maybe_micros(state.cursor),
        "tried_at": maybe_micros(state.tried_at),
        "succeeded_at": maybe_micros(state.succeeded_at),
        "failures": state.failures,
        "failed_at": orjson.dumps([to_micros(moment) for moment in state.failed_at]).decode(),
        "next_try": maybe_micros(state.next_try),
        "resting": int(state.resting),
        "last_error": storable(state.last_error),
        "paused": state.paused,
        "counted_at": maybe_micros(state.counted_at),
        "ours": state.ours,
        "theirs": state.theirs,
        "unsettled": int(state.unsettled),
        "revision": state.revision + 1,
    }


def shop_of(row: RowMapping) -> ShopSync:
    return ShopSync(
        shop_code=row["shop_code"],
        cursor=maybe_instant(row["cursor"]),
        tried_at=maybe_instant(row["tried_at"]),
        succeeded_at=maybe_instant(row["succeeded_at"]),
        failures=row["failures"],
        failed_at=tuple(from_micros(micros) for micros in orjson.loads(row["failed_at"])),
        next_try=maybe_instant(row["next_try"]),
        resting=bool(row["resting"]),
        last_error=row["last_error"],
        paused=row["paused"],
        counted_at=maybe_instant(row["counted_at"]),
        ours=row["ours"],
        theirs=row["theirs"],
        unsettled=bool(row["unsettled"]),
        revision=row["revision"],
    )


def held_row(item: Quarantined, keys: DataKeys) -> dict[str, Any]:
    packed = zlib.compress(item.raw.encode(errors="replace"), 1)
    return {
        "id": item.id,
        "shop_code": item.shop_code,
        "platform_order_id": storable(item.platform_order_id),
        "reason": storable(item.reason),
        "raw_cipher": keys.seal_bytes(packed, f"quarantine|{item.id}") if item.raw else None,
        "first_seen": to_micros(item.first_seen),
        "last_seen": to_micros(item.last_seen),
        "tries": item.tries,
        "warning": int(item.warning),
        "state": item.state.value,
        "settled_at": maybe_micros(item.settled_at),
        "settled_by": item.settled_by,
        "revision": item.revision + 1,
    }


def held_of(row: RowMapping, keys: DataKeys) -> Quarantined:
    sealed = row["raw_cipher"]
    raw = zlib.decompress(keys.open_bytes(sealed, f"quarantine|{row['id']}")).decode() if sealed else ""
    return Quarantined(
        shop_code=row["shop_code"],
        platform_order_id=row["platform_order_id"],
        reason=row["reason"],
        raw=raw,
        first_seen=from_micros(row["first_seen"]),
        last_seen=from_micros(row["last_seen"]),
        tries=row["tries"],
        warning=bool(row["warning"]),
        state=Held(row["state"]),
        settled_at=maybe_instant(row["settled_at"]),
        settled_by=row["settled_by"],
        revision=row["revision"],
    )


def push_row(push: Push) -> dict[str, Any]:
    return {
        "shop_code": push.shop_code,
        "event_key": push.key,
        "kind": storable(push.kind),
        "order_id": storable(push.order_id),
        "received_at": to_micros(push.received_at),
        "state": push.state.value,
        "revision": push.revision + 1,
    }


def push_of(row: RowMapping) -> Push:
    return Push(
        shop_code=row["shop_code"],
        key=row["event_key"],
        kind=row["kind"],
        order_id=row["order_id"],
        received_at=from_micros(row["received_at"]),
        state=PushState(row["state"]),
        revision=row["revision"],
    )
