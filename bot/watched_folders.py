"""The folders that other systems put files into: one for everybody (`files.folder`), one of a shop's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.far_settings import ShopSettings
from bot.settings_errors import dotted
from bot.settings_file import Document
from domain.watched_folder import SHARED
from integrations.files.folder import DiskFolder


@dataclass(frozen=True)
class FileSettings:
    """`folder` is watched for files of every kind and every shop, "" for none."""

    folder: str = ""


def folder_of(shop: ShopSettings) -> str:
    """A connector whose settings have a `folder` takes files from it."""
    return str(getattr(shop.values, "folder", "") or "")


def open_folders(files: FileSettings, shops: Sequence[ShopSettings]) -> tuple[DiskFolder, ...]:
    return tuple(DiskFolder(name, Path(text)) for name, text in _named(files, shops).items())


def check_folders(document: Document, files: FileSettings, shops: Sequence[ShopSettings]) -> None:
    """From a folder that belonged to two shops nobody could tell whose file it is."""
    taken: dict[Path, str] = {}
    for name, text in _named(files, shops).items():
        key = ("files", "folder") if name == SHARED else ("shops", name, "folder")
        first = taken.setdefault(Path(text).resolve(), dotted(key))
        if first != dotted(key):
            document.fault(key, f"和 {first} 是同一个文件夹；每家店用自己的，或只填 files.folder")


def _named(files: FileSettings, shops: Sequence[ShopSettings]) -> dict[str, str]:
    found = {SHARED: files.folder, **{shop.code: folder_of(shop) for shop in shops}}
    return {name: text for name, text in found.items() if text}
