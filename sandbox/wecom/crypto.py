"""The callback envelope of a self-built app: signature and AES-256-CBC (wecom.md §2.4, §2.5)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # PKCS#7 block in bytes, twice AES's own


class EnvelopeError(ValueError):
    """The first check of the envelope that failed, in words."""


def sign(token: str, timestamp: str, nonce: str, encrypt: str) -> str:
    joined = "".join(sorted((token, timestamp, nonce, encrypt))).encode()
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Envelope:
    """Encrypts and opens messages of one app; `receive_id` is the CorpID."""

    token: str
    encoding_aes_key: str
    receive_id: str

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.encoding_aes_key + "=")

    def signature(self, timestamp: str, nonce: str, encrypt: str) -> str:
        return sign(self.token, timestamp, nonce, encrypt)

    def encrypt(self, message: str, random16: bytes | None = None) -> str:
        data = message.encode()
        plain = (random16 or os.urandom(16)) + struct.pack(">I", len(data)) + data + self.receive_id.encode()
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def open(self, encrypt: str, timestamp: str, nonce: str, signature: str) -> str:
        """Check the signature, then decrypt; raises EnvelopeError naming the failed rule."""
        if not hmac.compare_digest(self.signature(timestamp, nonce, encrypt), signature):
            raise EnvelopeError("signature: MsgSignature does not match")
        return self.decrypt(encrypt)

    def decrypt(self, encrypt: str) -> str:
        plain = self._unpad(self._decrypt_blocks(encrypt))
        if len(plain) < 20:
            raise EnvelopeError("length: fewer than 20 bytes of plaintext")
        size = struct.unpack(">I", plain[16:20])[0]
        if 20 + size > len(plain):
            raise EnvelopeError("length: the length field exceeds the plaintext")
        if plain[20 + size :] != self.receive_id.encode():
            raise EnvelopeError("receiveid: not this corp's id")
        try:
            return plain[20 : 20 + size].decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError("encoding: the message is not UTF-8") from error

    def _decrypt_blocks(self, encrypt: str) -> bytes:
        try:
            data = base64.b64decode(encrypt, validate=True)
        except binascii.Error as error:
            raise EnvelopeError("base64: Encrypt is not base64") from error
        if not data or len(data) % 16:
            raise EnvelopeError("base64: ciphertext is not a multiple of 16 bytes")
        decryptor = self._cipher().decryptor()
        return decryptor.update(data) + decryptor.finalize()

    @staticmethod
    def _unpad(plain: bytes) -> bytes:
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise EnvelopeError("padding: not PKCS#7")
        return plain[:-pad]

    def _cipher(self) -> Cipher[modes.CBC]:
        key = self.key
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
