"""同步: how far each shop is pulled, as the database knows it."""

from __future__ import annotations

from bot.doctor.checks.database import subjects as stores
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdict, Verdicts, bad, check, good, note
from cards.scene import day_time
from domain.sync import ShopSync
from domain.sync_health import failures_last_hour, is_stale
from storage.database import Database
from storage.errors import StorageUnavailable

GROUP = "同步"
ORDER = 55


def subjects(exam: Exam) -> list[tuple[str, Database]]:
    if not any(shop.values is not None for shop in exam.settings.shops):
        return []
    return [(GROUP, store.db) for _, store in stores(exam) if store.db is not None and store.has_key]


@check("拉取订单")
async def pulls(exam: Exam, db: Database) -> Verdicts:
    """A database that does not answer is told by its own check."""
    try:
        if not await exam.limited(db.at_head):
            return None
        states = {
            state.shop_code: state for state in await exam.limited(db.unit_of_work("doctor").sync.shops)
        }
        held = await exam.limited(db.unit_of_work("doctor").sync.held_counts)
    except StorageUnavailable:
        return None
    connected = [shop for shop in exam.settings.shops if shop.values is not None]
    found = [judge(exam, shop.name, states.get(shop.code, ShopSync(shop.code))) for shop in connected]
    found += [
        note(f"{code}：隔离区有 {count} 张订单，在聊天里发“隔离单”处理") for code, count in held.items()
    ]
    return found


def judge(exam: Exam, name: str, state: ShopSync) -> Verdict:
    now, policy = exam.clock.now(), exam.settings.policies.sync
    if state.paused:
        return bad(f"{name}：授权已失效（{state.last_error}）；重新授权后把新的填进 shops.{state.shop_code}")
    if state.cursor is None:
        return good(f"{name}：还没拉取过；serve 启动后会自己开始")
    upto = f"数据到 {day_time(state.cursor, now)}"
    if state.failures:
        hour = failures_last_hour(state, now)
        return bad(f"{name}：{upto}，连续失败 {state.failures} 次（近一小时 {hour} 次）：{state.last_error}")
    if is_stale(state, now, policy):
        return note(f"{name}：{upto}，之后没有再拉取；看 serve 是不是在运行")
    if state.unsettled:
        return note(f"{name}：{upto}，但订单数和平台对不上（我们 {state.ours}，平台 {state.theirs}）")
    return good(f"{name}：{upto}")
