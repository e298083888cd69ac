"""WeChat Pay v3 (platforms.md §5.2): what is signed on the way out and in, and sealed notifications."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from integrations.payment import keys

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"  # a probe of the platform: must be refused
TOLERANCE_SECONDS = 300


def request_text(method: str, target: str, timestamp: str, nonce: str, body: str) -> str:
    """`target` is path and query."""
    return f"{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n"


def answer_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def authorization(
    merchant: str, serial: str, nonce: str, timestamp: str, text: str, key: RSAPrivateKey
) -> str:
    signature = keys.sign(text.encode(), key)
    return (
        f'{SCHEME} mchid="{merchant}",nonce_str="{nonce}",signature="{signature}",'
        f'timestamp="{timestamp}",serial_no="{serial}"'
    )


def is_signed(headers: Mapping[str, str]) -> bool:
    return "Wechatpay-Signature" in headers


def why_not(
    headers: Mapping[str, str], body: bytes, key: RSAPublicKey, serials: frozenset[str], now: float
) -> str:
    """Why an answer or notification cannot be believed; empty when it can. `now`: seconds since 1970."""
    signature, timestamp = headers.get("Wechatpay-Signature", ""), headers.get("Wechatpay-Timestamp", "")
    if not signature:
        return "没有签名"
    if signature.startswith(PROBE):
        return "是微信的验签探测"
    if headers.get("Wechatpay-Serial", "") not in serials:
        return "用的是另一把公钥"
    if not timestamp.isascii() or not timestamp.isdigit() or abs(int(timestamp) - now) > TOLERANCE_SECONDS:
        return "时间相差超过 5 分钟"
    text = answer_text(timestamp, headers.get("Wechatpay-Nonce", ""), body)
    return "" if keys.verifies(text, signature, key) else "签名不对"


def unseal(resource: Mapping[str, str], apiv3_key: str) -> bytes:
    """AES-256-GCM; ValueError when it is not for this key or was changed on the way."""
    try:
        sealed = base64.b64decode(resource["ciphertext"], validate=True)
        nonce, extra = resource["nonce"].encode(), resource.get("associated_data", "").encode()
        return AESGCM(apiv3_key.encode()).decrypt(nonce, sealed, extra)
    except (InvalidTag, binascii.Error, KeyError, ValueError) as error:
        raise ValueError("the resource cannot be opened with this APIv3 key") from error
