"""One WeCom callback verified, decrypted and parsed: ours against wechatpy, in one process, in turns."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import parse_qsl

from bench.callbacks import SEED, App, Callback, messages, taps
from bench.figures import NO_AIM, Aim, Figure, Rounds
from integrations.chat.wecom.callback import verify_callback
from integrations.chat.wecom.inbound import read_inbound

NAME = "crypt"
METHOD = """\
From the raw query and body of a callback to the parsed message: signature, AES, every check of the envelope, both
layers of XML. Ours: `verify_callback`, as the server calls it before it answers; "and to the domain's words" adds
`read_inbound`, as the dispatcher calls it after. wechatpy 1.8 (its enterprise module):
`WeChatCrypto.decrypt_message` and `parse_message`, its crypto object kept. Both begin with the raw query string, which
the standard library's `parse_qsl` takes apart for wechatpy. 400 different callbacks in turn, so that nothing is found
ready; the three alternate by rounds, in one process, single-threaded; the median round counts. Sizes are those of the
HTTP body: a text message as near to 759 bytes as the cipher's blocks allow, a card tap, a long text."""

SIZES = (("text", 759), ("tap", 0), ("long text", 6000))
AIMS = {"text": Aim(at_most=20.0, ratio=3.0), "tap": Aim(ratio=3.0)}


async def run(quick: bool) -> list[Figure]:
    rounds, count = (3, 400) if quick else (9, 2000)
    return [figure for kind, size in SIZES for figure in _figures(kind, size, rounds, count)]


def _figures(kind: str, size: int, rounds: int, count: int) -> list[Figure]:
    app, rng = App(), random.Random(SEED)
    samples = taps(app, ["linxiaoman"], 400, rng) if kind == "tap" else _sized(app, size, rng)
    cases = [samples[n % len(samples)] for n in range(count)]
    runs = {"verify + decrypt + parse": _ours(app), "and to the domain's words": _whole(app)}
    peer = _peer(app)
    for run_all in (*runs.values(), peer):
        run_all(cases[:200])
    found: dict[str, list[float]] = {name: [] for name in (*runs, "peer")}
    for _ in range(rounds):
        for name, run_all in (*runs.items(), ("peer", peer)):
            found[name].append(run_all(cases))
    return [
        Figure(
            name=f"{name}, {kind}, body of {len(samples[0].body)} bytes",
            unit="µs",
            ours=Rounds(found[name]),
            peer=Rounds(found["peer"]),
            peer_name="wechatpy",
            aim=AIMS.get(kind, NO_AIM) if name.startswith("verify") else NO_AIM,
        )
        for name in runs
    ]


def _sized(app: App, size: int, rng: random.Random) -> list[Callback]:
    """Text messages whose body comes nearest to this size; blocks of 32 bytes allow no nearer."""

    def of(length: int, count: int) -> list[Callback]:
        return messages(app, ["linxiaoman"], "单" * length, count, rng)

    nearest = min(range(1, size // 3, 4), key=lambda length: abs(len(of(length, 1)[0].body) - size))
    return of(nearest, 400)


Timed = Callable[[Sequence[Callback]], float]


def _ours(app: App) -> Timed:
    """Microseconds a callback."""
    envelope, now = app.envelope, datetime.now(UTC)

    def run_all(cases: Sequence[Callback]) -> float:
        began = perf_counter()
        for case in cases:
            verify_callback(envelope, case.query, case.body, now)
        return (perf_counter() - began) / len(cases) * 1e6

    return run_all


def _whole(app: App) -> Timed:
    envelope, now = app.envelope, datetime.now(UTC)

    def run_all(cases: Sequence[Callback]) -> float:
        began = perf_counter()
        for case in cases:
            item = verify_callback(envelope, case.query, case.body, now)
            read_inbound("main", item.kind, item.payload, item.key)
        return (perf_counter() - began) / len(cases) * 1e6

    return run_all


def _peer(app: App) -> Timed:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecated imports
        from wechatpy.enterprise import parse_message
        from wechatpy.enterprise.crypto import WeChatCrypto
    crypto = WeChatCrypto(app.token, app.encoding_aes_key, app.corp_id)

    def run_all(cases: Sequence[Callback]) -> float:
        began = perf_counter()
        for case in cases:
            query = dict(parse_qsl(case.query))
            xml = crypto.decrypt_message(
                case.body, query["msg_signature"], query["timestamp"], query["nonce"]
            )
            parse_message(xml)
        return (perf_counter() - began) / len(cases) * 1e6

    return run_all
