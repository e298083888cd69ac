"""设置: what was read, what is still missing, where the data key lies."""

from __future__ import annotations

from pathlib import Path

from bot.data_key import read_key
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from bot.far_settings import DoorSettings, ShopSettings

ORDER = 10
GROUP = "设置"
_NO_DOOR = "还没有一个能用的聊天应用：在 chat.wecom 或 chat.dingtalk 下填好一个就行（参照随附的 config.yaml）"
_SQLITE = "sqlite+aiosqlite:///"


def subjects(_exam: Exam) -> list[tuple[str, None]]:
    return [(GROUP, None)]


@check("配置文件")
async def file(exam: Exam, _: None) -> Verdicts:
    """A file with faults never comes here: `load` has named them."""
    settings = exam.settings
    counts = f"{len(settings.doors)} 个聊天应用、{len(settings.shops)} 个店铺、{len(settings.directory.people)} 位同事"
    return good(f"{settings.source} 已读，{counts}")


@check("还没填")
async def missing(exam: Exam, _: None) -> Verdicts:
    """As `serve` judges: half-filled is a mistake, what nobody touched is only left off."""
    settings = exam.settings
    found = [] if any(door.values is not None for door in settings.doors) else [bad(_NO_DOOR)]
    far_sides: list[DoorSettings | ShopSettings] = [*settings.doors, *settings.shops]
    return found + [verdict for far in far_sides for verdict in _missing(far)]


def _missing(far: DoorSettings | ShopSettings) -> list[Verdict]:
    judge = note if far.untouched else bad
    return [
        judge(
            f"{item.path}{f'（{item.waits_for} 没有值）' if item.waits_for else ''}，到哪里取：{item.where}"
        )
        for item in far.missing
    ]


@check("数据密钥")
async def data_key(exam: Exam, _: None) -> Verdicts:
    """Present, readable and where: without it receivers' data cannot be read again."""
    settings = exam.settings
    written, url = settings.security.data_key, settings.database.url
    if written:
        form = "要 32 字节，写成 64 位十六进制或 base64；可以用 openssl rand -hex 32 生成"
        return good("写在 security.data_key") if read_key(written) else bad(f"security.data_key {form}")
    if not url.startswith(_SQLITE):
        return bad("security.data_key 没有填。PostgreSQL 部署要有：openssl rand -hex 32，所有进程用同一个")
    return _beside(Path(url.removeprefix(_SQLITE)))


def _beside(database: Path) -> Verdict:
    file = database.parent / "data.key"
    if file.exists():
        if read_key(file.read_text(encoding="ascii", errors="replace").strip()) is None:
            return bad(f"{file} 不是有效的密钥：从备份恢复它，否则已存的收货人信息无法解密")
        return good(f"在 {file}；备份数据库时一起备份")
    if database.exists():
        return bad(f"有数据库，但 {file} 不见了：从备份恢复它，不要让 serve 新做一个")
    return note(f"还没有；serve 第一次启动时会做好 {file}，请和数据库一起备份")
