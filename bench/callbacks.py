"""WeCom callbacks as the platform sends them: encrypted, signed, each with a plaintext of its own."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.load import post
from integrations.chat.wecom.crypto import Envelope
from sandbox.wecom.inbound import Common, card_event

SEED = 20260105


@dataclass(frozen=True)
class App:
    """A self-built app with made-up credentials."""

    name: str = "main"
    corp_id: str = "ww1f2e3d4c5b6a7980"
    agent_id: int = 1000002
    secret: str = "bench-secret-bench-secret-bench-secret-0000"
    token: str = "QDG6eKvTj5Rr3sWmHnZb"
    encoding_aes_key: str = "DzHHnF5GQg2O5d7ffHqPv4tWvFJoRkj1lvk3LawuBzE"

    @cached_property
    def envelope(self) -> Envelope:
        return Envelope.of(self.token, self.encoding_aes_key, self.corp_id)


@dataclass(frozen=True)
class Callback:
    """`query` and `body` of one POST, and the plaintext inside."""

    query: str
    body: bytes
    plain: bytes

    def request(self, app: App) -> bytes:
        return post(f"/callback/wecom/{app.name}?{self.query}", self.body, [("Content-Type", "text/xml")])


def sealed(app: App, plain: str, rng: random.Random) -> Callback:
    message = plain.encode()
    timestamp, nonce = str(int(time.time())), str(rng.randrange(10**10))
    encrypt = app.envelope.encrypt(message)
    signature = app.envelope.signature(timestamp.encode(), nonce.encode(), encrypt.encode())
    body = (
        f"<xml><ToUserName><![CDATA[{app.corp_id}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt>"
        f"<AgentID><![CDATA[{app.agent_id}]]></AgentID></xml>"
    )
    query = f"msg_signature={signature}&timestamp={timestamp}&nonce={nonce}"
    return Callback(query, body.encode(), message)


def taps(app: App, users: Sequence[str], count: int, rng: random.Random) -> list[Callback]:
    """template_card_event: each of another user, card and response code."""
    return [_tap(app, users[n % len(users)], rng) for n in range(count)]


def _tap(app: App, user: str, rng: random.Random) -> Callback:
    fields = card_event(
        key=f"refund.approve|refund|RF260105{rng.randrange(10**6):06d}|1",
        task_id=f"qs{rng.randbytes(12).hex()}",
        card_type="button_interaction",
        response_code=rng.randbytes(30).hex(),
        selected=None,
    )
    return sealed(app, _common(app, user).event("template_card_event", fields), rng)


def messages(app: App, users: Sequence[str], text: str, count: int, rng: random.Random) -> list[Callback]:
    """Text messages with the same words, each with a MsgId of its own."""
    return [
        sealed(
            app,
            _common(app, users[n % len(users)]).message(
                "text", str(10**18 + rng.randrange(8 * 10**18)), [("Content", text)]
            ),
            rng,
        )
        for n in range(count)
    ]


def _common(app: App, user: str) -> Common:
    return Common(app.corp_id, user, app.agent_id, int(time.time()))
