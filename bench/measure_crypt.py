"""One WeCom callback verified, decrypted and parsed: ours against wechatpy, in one process, in turns."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import parse_qs

from bench.callbacks import SEED, App, Callback, messages, taps
from bench.figures import NO_AIM, Aim, Figure, Rounds
from integrations.chat.wecom.callback import verify_callback
from integrations.chat.wecom.inbound import read_inbound

NAME = "crypt"
METHOD = """\
From the raw query and body of a callback to the parsed message: signature, AES, every check of the envelope, both
layers of XML. Ours: `verify_callback` and `read_inbound`, as the server calls them. wechatpy 1.8 (its enterprise
module): `WeChatCrypto.decrypt_message` and `parse_message`, its crypto object kept. 400 different callbacks in turn,
so that nothing is found ready; the two alternate by rounds, in one process, single-threaded; the median round counts.
Sizes are those of the HTTP body: a text message of 759 bytes (the size of reference figures), a card tap, a long
text."""

SIZES = (("text", 759), ("tap", 0), ("long text", 6000))


async def run(quick: bool) -> list[Figure]:
    rounds, count = (3, 400) if quick else (9, 2000)
    return [_figure(kind, size, rounds, count) for kind, size in SIZES]


def _figure(kind: str, size: int, rounds: int, count: int) -> Figure:
    app, rng = App(), random.Random(SEED)
    samples = taps(app, ["linxiaoman"], 400, rng) if kind == "tap" else _sized(app, size, rng)
    cases = [samples[n % len(samples)] for n in range(count)]
    ours, peer = _ours(app), _peer(app)
    ours(cases[:200]), peer(cases[:200])
    pairs = [(ours(cases), peer(cases)) for _ in range(rounds)]
    length = len(samples[0].body)
    return Figure(
        name=f"verify + decrypt + parse, {kind}, body of {length} bytes",
        unit="µs",
        ours=Rounds([mine for mine, _ in pairs]),
        peer=Rounds([theirs for _, theirs in pairs]),
        peer_name="wechatpy",
        aim=Aim(at_most=20.0, ratio=3.0) if length == 759 else Aim(ratio=3.0) if kind == "tap" else NO_AIM,
    )


def _sized(app: App, size: int, rng: random.Random) -> list[Callback]:
    """Text messages whose body has this size, as near as the cipher's blocks of 32 bytes allow."""

    def of(length: int, user: str, count: int) -> list[Callback]:
        return messages(app, [user], "单" * (length // 3), count, rng)

    users = [f"linxiaoman{'x' * pad}" for pad in range(40)]
    lengths = {
        abs(len(of(length, "linxiaoman", 1)[0].body) - size): length for length in range(3, size, 15)
    }
    length = lengths[min(lengths)]
    best = min(users, key=lambda user: abs(len(of(length, user, 1)[0].body) - size))
    return of(length, best, 400)


def _ours(app: App) -> Callable[[Sequence[Callback]], float]:
    """Microseconds a callback."""
    envelope, now = app.envelope, datetime.now(UTC)

    def run_all(cases: Sequence[Callback]) -> float:
        began = perf_counter()
        for case in cases:
            item = verify_callback(envelope, case.query, case.body, now)
            read_inbound("main", item.kind, item.payload, item.key)
        return (perf_counter() - began) / len(cases) * 1e6

    return run_all


def _peer(app: App) -> Callable[[Sequence[Callback]], float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecated imports
        from wechatpy.enterprise import parse_message
        from wechatpy.enterprise.crypto import WeChatCrypto
    crypto = WeChatCrypto(app.token, app.encoding_aes_key, app.corp_id)

    def run_all(cases: Sequence[Callback]) -> float:
        signed = [{k: v[0] for k, v in parse_qs(case.query).items()} for case in cases]
        began = perf_counter()
        for case, query in zip(cases, signed, strict=True):
            xml = crypto.decrypt_message(
                case.body, query["msg_signature"], query["timestamp"], query["nonce"]
            )
            parse_message(xml)
        return (perf_counter() - began) / len(cases) * 1e6

    return run_all
