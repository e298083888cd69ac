"""The key that receivers' data is encrypted with: from the settings, or made once beside an SQLite file."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path

from bot.logs import log
from bot.settings_errors import Problem, SettingsError

KEY_BYTES = 32
_SQLITE = "sqlite+aiosqlite:///"


def read_key(text: str) -> bytes | None:
    """64 hex digits or base64 of 32 bytes; None for anything else."""
    try:
        key = (
            bytes.fromhex(text)
            if len(text) == 2 * KEY_BYTES
            else base64.b64decode(text.strip(), validate=True)
        )
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY_BYTES else None


def data_key(source: str, written: str, database_url: str) -> bytes:
    """The installation's key; raises SettingsError when there is none and none can be made here."""
    if written:
        key = read_key(written)
        if key is None:
            text = "要 32 字节，写成 64 位十六进制或 base64；可以用 openssl rand -hex 32 生成"
            raise SettingsError(source, [Problem("", "security.data_key", text)])
        return key
    if not database_url.startswith(_SQLITE):
        text = "没有填。PostgreSQL 部署要有自己的密钥：openssl rand -hex 32，放进环境变量或文件，所有进程用同一个"
        raise SettingsError(source, [Problem("", "security.data_key", text)])
    return _beside(source, Path(database_url.removeprefix(_SQLITE)).parent / "data.key")


def _beside(source: str, file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = read_key(file.read_text(encoding="ascii", errors="replace").strip())
        if key is None:
            text = f"{file} 不是有效的密钥；从备份恢复它，否则已存的收货人信息无法解密"
            raise SettingsError(source, [Problem("", "security.data_key", text)]) from None
        return key
    key = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(key.hex())
        out.flush()
        os.fsync(out.fileno())
    log.info("a data key was made; back it up with the database", file=str(file))
    return key
