"""What Slack and Telegram would send to the peers' servers: the same kind of tap, the same kind of message."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from urllib.parse import urlencode

from bench.load import post

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SECRET_TOKEN = "bench-secret-token"
ACTIONS = 20


def slack_tap(n: int, rng: random.Random) -> bytes:
    """A button of a message, signed: `block_actions`."""
    payload = {
        "type": "block_actions",
        "team": {"id": "T1", "domain": "bench"},
        "user": {"id": f"U{n:06d}", "username": "lin", "name": "lin", "team_id": "T1"},
        "api_app_id": "A1",
        "token": "unused",
        "container": {
            "type": "message",
            "message_ts": "1700000000.000100",
            "channel_id": "C1",
            "is_ephemeral": False,
        },
        "trigger_id": f"{rng.randrange(10**10)}.1.{rng.randbytes(8).hex()}",
        "channel": {"id": "C1", "name": "refunds"},
        "message": {"type": "message", "bot_id": "B1", "text": "退款待审批", "ts": "1700000000.000100"},
        "response_url": f"https://hooks.slack.invalid/actions/T1/{n}/x",
        "actions": [
            {
                "action_id": f"action-{n % ACTIONS}",
                "block_id": "b1",
                "text": {"type": "plain_text", "text": "同意"},
                "value": f"RF{rng.randrange(10**10)}",
                "type": "button",
                "action_ts": "1700000000.000200",
            }
        ],
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(time.time()))
    signed = hmac.new(SIGNING_SECRET.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256)
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Slack-Request-Timestamp", timestamp),
        ("X-Slack-Signature", f"v0={signed.hexdigest()}"),
    ]
    return post("/slack/events", body, headers)


def telegram_message(n: int, rng: random.Random, commands: int = ACTIONS) -> bytes:
    """A message that begins with one of the commands."""
    user = {"id": 1000 + n % 500, "is_bot": False, "first_name": "Lin", "language_code": "zh-hans"}
    text = f"/command{n % commands} {rng.randrange(10**18)}"
    update = {
        "update_id": n,
        "message": {
            "message_id": n,
            "from": user,
            "chat": {"id": user["id"], "first_name": "Lin", "type": "private"},
            "date": int(time.time()),
            "text": text,
            "entities": [{"offset": 0, "length": text.index(" "), "type": "bot_command"}],
        },
    }
    headers = [("Content-Type", "application/json"), ("X-Telegram-Bot-Api-Secret-Token", SECRET_TOKEN)]
    return post("/webhook", json.dumps(update).encode(), headers)
