"""`files.folder` and a shop's own folder: each file has one shop it can belong to."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import settings_from_text
from bot.settings_errors import SettingsError
from bot.watched_folders import open_folders

TWO = """
files: {folder: data/inbox}
shops:
  pos-01: {platform: custom, folder: data/pos-01}
  pos-02: {platform: custom}
"""


def test_each_folder_by_name() -> None:
    settings = settings_from_text(TWO)
    found = open_folders(settings.files, settings.shops)
    assert [(folder.name, folder.place) for folder in found] == [
        ("files", "data/inbox"),
        ("pos-01", "data/pos-01"),
    ]
    assert open_folders(settings_from_text("").files, ()) == ()


@pytest.mark.parametrize(
    "same", ["data/pos-01", "./data/pos-01", "data/../data/pos-01", str(Path("data/pos-01").absolute())]
)
def test_a_folder_of_two_shops_is_refused(same: str) -> None:
    text = TWO.replace("pos-02: {platform: custom}", f'pos-02: {{platform: custom, folder: "{same}"}}')
    with pytest.raises(SettingsError) as refused:
        settings_from_text(text)
    assert "shops.pos-02.folder" in str(refused.value)
    assert "shops.pos-01.folder" in str(refused.value)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"files\.foldr"):
        settings_from_text("files: {foldr: x}")
