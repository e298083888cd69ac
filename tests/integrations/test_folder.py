"""A watched folder on disk: what is whole, what is left alone, where things go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.watched_folder import FileGone, FolderTrouble
from integrations.files.folder import SETTLE, DiskFolder

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
LATER = NOON + SETTLE


async def ready(folder: DiskFolder, now: datetime) -> list[str]:
    return [file.name for file in await folder.look(now) if file.ready]


async def test_a_file_is_whole_when_it_was_the_same_before(tmp_path: Path) -> None:
    folder, file = DiskFolder("files", tmp_path / "in"), tmp_path / "in" / "a.csv"
    assert await folder.look(NOON) == []
    file.write_bytes(b"1")
    assert await ready(folder, NOON) == []
    assert await ready(folder, NOON + SETTLE / 2) == [], "two looks at once are one"
    file.write_bytes(b"12")
    assert await ready(folder, LATER) == [], "it has grown"
    assert await ready(folder, LATER + SETTLE) == ["a.csv"]


async def test_a_clock_that_goes_back_starts_over(tmp_path: Path) -> None:
    folder = DiskFolder("files", tmp_path)
    (tmp_path / "a.csv").write_bytes(b"1")
    await ready(folder, NOON)
    assert await ready(folder, NOON - timedelta(days=1)) == []
    assert await ready(folder, NOON - timedelta(days=1) + SETTLE) == ["a.csv"]


@pytest.mark.parametrize("marker", ["a.csv.ok", "a.ok", "a.csv.done", "a.done"])
async def test_a_marker_says_that_a_file_is_whole(tmp_path: Path, marker: str) -> None:
    folder = DiskFolder("files", tmp_path)
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / marker).touch()
    assert await ready(folder, NOON) == ["a.csv"]
    await folder.put_away("a.csv", "digest00")
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


async def test_what_is_left_alone(tmp_path: Path) -> None:
    folder = DiskFolder("files", tmp_path)
    for name in (".hidden", "~$a.xlsx", "a.csv.part", "a.tmp", "a.csv.why.txt", "lonely.ok"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "done").mkdir()
    (tmp_path / "link.csv").symlink_to("/etc/hostname")
    assert await folder.look(NOON) == []
    with pytest.raises(FolderTrouble):
        await folder.read("link.csv")


async def test_the_same_name_twice_is_kept_twice(tmp_path: Path) -> None:
    folder = DiskFolder("files", tmp_path)
    for digest in ("aaaaaaaaaa", "bbbbbbbbbb"):
        (tmp_path / "a.csv").write_bytes(digest.encode())
        await folder.put_away("a.csv", digest, why="坏了", failed=True)
    names = sorted(path.name for path in (tmp_path / "failed").iterdir())
    assert names == ["a.bbbbbbbb.csv", "a.bbbbbbbb.csv.why.txt", "a.csv", "a.csv.why.txt"]
    assert (tmp_path / "failed" / "a.csv").read_bytes() == b"aaaaaaaaaa"


async def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(FolderTrouble, match="检查路径和权限"):
        await DiskFolder("files", tmp_path / "plain" / "in").look(NOON)
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "done").write_bytes(b"")
    with pytest.raises(FolderTrouble, match="移到"):
        await DiskFolder("files", tmp_path).put_away("a.csv", "digest00")


async def test_what_another_run_took_meanwhile_is_no_fault(tmp_path: Path) -> None:
    """A run that was paused for long goes on beside the one that took it over."""
    one, other = DiskFolder("files", tmp_path), DiskFolder("files", tmp_path)
    (tmp_path / "a.csv").write_bytes(b"1")
    await other.put_away("a.csv", "digest00", why="读完")
    await one.put_away("a.csv", "digest00", why="读完")
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["a.csv", "a.csv.why.txt"]
    with pytest.raises(FileGone):
        await one.read("a.csv")
