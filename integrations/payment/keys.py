"""RSA keys as the providers' consoles hand them out: PEM of any kind, a certificate, or bare base64."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from textwrap import wrap

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)


class BadKey(ValueError):
    """The text is no RSA key of this sort; the message (Chinese) never repeats it."""


@lru_cache(maxsize=64)
def private_key(text: str) -> RSAPrivateKey:
    try:
        key = (
            load_pem_private_key(_pem(text), None)
            if "-----" in text
            else load_der_private_key(_der(text), None)
        )
    except (ValueError, TypeError) as error:
        raise BadKey(
            "读不懂这个私钥：要 RSA 私钥，PEM 格式（PKCS#1 或 PKCS#8）或去掉头尾的一行，不能有密码"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise BadKey("这不是 RSA 私钥")
    return key


@lru_cache(maxsize=64)
def public_key(text: str) -> RSAPublicKey:
    """A public key, or the public key of a certificate."""
    try:
        key = _loaded(text)
    except (ValueError, TypeError) as error:
        raise BadKey("读不懂这个公钥：要 PEM 格式的 RSA 公钥或证书，或去掉头尾的一行") from error
    if not isinstance(key, RSAPublicKey):
        raise BadKey("这不是 RSA 公钥")
    return key


def _loaded(text: str) -> object:
    if "CERTIFICATE" in text:
        return x509.load_pem_x509_certificate(_pem(text)).public_key()
    return load_pem_public_key(_pem(text)) if "-----" in text else load_der_public_key(_der(text))


def _pem(text: str) -> bytes:
    """Environment variables often carry `\\n` instead of line ends, or no line ends at all."""
    lined = text.strip().replace("\\n", "\n")
    if "\n" in lined:
        return lined.encode()
    head, _, rest = lined.removeprefix("-----").partition("-----")
    body, _, tail = rest.partition("-----")
    return "\n".join([f"-----{head}-----", *wrap(body.replace(" ", ""), 64), f"-----{tail}"]).encode()


def _der(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def sign(text: bytes, key: RSAPrivateKey) -> str:
    """SHA256withRSA (PKCS#1 v1.5), base64."""
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def verifies(text: bytes, signature: str, key: RSAPublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
