"""RSA keys of the simulated merchants and providers: made once a process, then kept with the world."""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, dataclass
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sandbox.world import World


@dataclass(frozen=True)
class Pems:
    """Both halves as text."""

    private: str
    public: str


@dataclass(frozen=True)
class Pair:
    """A key pair and its texts."""

    pems: Pems
    private: RSAPrivateKey

    @property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    def sign(self, text: bytes) -> str:
        return base64.b64encode(self.private.sign(text, PKCS1v15(), SHA256())).decode()

    def signed(self, text: bytes, signature: str) -> bool:
        """Whether the signature is this pair's."""
        try:
            self.public.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


@cache
def _fresh(_role: str) -> Pems:
    """Making one takes a tenth of a second: worlds of one process share them."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Pems(private, public)


@cache
def _loaded(private: str) -> RSAPrivateKey:
    key = load_pem_private_key(private.encode(), None)
    assert isinstance(key, RSAPrivateKey), "made above"
    return key


def pair(world: World, role: str) -> Pair:
    """The pair of this role, the same as in the world's last run."""
    kept = world.store.get("payment.keys", role)
    pems = Pems(**kept) if kept else _fresh(role)
    if not kept:
        world.store.put("payment.keys", role, asdict(pems))
    return Pair(pems, _loaded(pems.private))
