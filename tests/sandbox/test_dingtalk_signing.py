"""The simulator's own signatures and envelope against the published vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.dingtalk import signing
from sandbox.dingtalk.crypto import EnvelopeKeys, EnvelopeRefused, seal, signature, unseal

VECTORS = Path(__file__).parents[1] / "vectors"
SIGN: dict[str, Any] = json.loads((VECTORS / "dingtalk-sign.json").read_text())
CRYPTO: dict[str, Any] = json.loads((VECTORS / "dingtalk-crypto.json").read_text())
Case = dict[str, Any]


def named(cases: list[Case]) -> Any:
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", named(SIGN["robotCallback"]["sign"]))
def test_robot_sign(case: Case) -> None:
    assert signing.robot_sign(case["appSecret"], case["timestamp"]) == case["sign"]


@pytest.mark.parametrize("case", named(SIGN["robotCallback"]["checks"]))
def test_robot_check(case: Case) -> None:
    headers = case["headers"]
    found = signing.check_robot(
        case["appSecret"], headers.get("timestamp"), headers.get("sign"), case["nowMs"]
    )
    assert found == case["reason"]


@pytest.mark.parametrize("case", named(SIGN["customRobot"]["good"]))
def test_custom_robot_url(case: Case) -> None:
    query = parse_qs(urlsplit(case["url"]).query)
    assert signing.robot_sign(case["secret"], query["timestamp"][0]) == query["sign"][0] == case["sign"]


@pytest.mark.parametrize("case", named(SIGN["customRobot"]["bad"]))
def test_custom_robot_refuses(case: Case) -> None:
    query = {key: values[0] for key, values in parse_qs(urlsplit(case["url"]).query).items()}
    found = signing.check_robot(case["secret"], query.get("timestamp"), query.get("sign"), case["nowMs"])
    assert ("invalid timestamp" if found == "timestamp" else "sign not match") == case["expect"]["errmsg"]


@pytest.mark.parametrize("case", named(SIGN["cardCallback"]["good"]))
def test_card_sign(case: Case) -> None:
    assert signing.card_sign(case["apiSecret"], case["timestamp"]) == case["headers"]["x-ddpaas-signature"]


@pytest.mark.parametrize("case", named(SIGN["cardCallback"]["bad"]))
def test_card_check_refuses(case: Case) -> None:
    headers = case["headers"]
    stamp, sign = headers.get("x-ddpaas-signature-timestamp"), headers.get("x-ddpaas-signature")
    assert not signing.check_card(case["apiSecret"], stamp, sign)


def keys(case: Case) -> EnvelopeKeys:
    return EnvelopeKeys(case["token"], case["encodingAesKey"], case["ownerKey"])


@pytest.mark.parametrize("case", named(CRYPTO["good"]))
def test_envelope_opens(case: Case) -> None:
    plain = unseal(keys(case), case["signature"], case["timestamp"], case["nonce"], case["encrypt"])
    assert plain == case["expectPlaintext"]


@pytest.mark.parametrize(
    "case", named([c for c in CRYPTO["good"] if "random16" in c and c["name"] != "pad16-peer"])
)
def test_envelope_seals_the_same_bytes(case: Case) -> None:
    raw = case["random16"]
    random16 = bytes.fromhex(raw) if len(raw) == 32 else raw.encode()
    encrypt = seal(keys(case), case["expectPlaintext"], random16)
    assert encrypt == case["encrypt"]
    assert signature(case["token"], case["timestamp"], case["nonce"], encrypt) == case["signature"]


@pytest.mark.parametrize("case", named(CRYPTO["bad"]))
def test_envelope_refuses(case: Case) -> None:
    with pytest.raises(EnvelopeRefused) as refused:
        unseal(keys(case), case["signature"], case["timestamp"], case["nonce"], case["encrypt"])
    assert refused.value.code == case["expectErrorCode"]
