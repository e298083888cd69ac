"""店铺, one group a shop: a signed, harmless call shows key, secret and authorisation in one go."""

from __future__ import annotations

from bot import places
from bot.doctor.exam import Exam
from bot.doctor.verdict import Verdicts, bad, check, good, note
from bot.far_settings import ShopSettings
from bot.missing import where_to_get
from domain.ports import AuthExpired, NotFound, Rejected, ShopConnector, ShopError, Throttled

ORDER = 50
NO_ORDER = "1000000000000000001"  # no shop has it


def subjects(exam: Exam) -> list[tuple[str, tuple[ShopSettings, ShopConnector]]]:
    found = []
    for shop in exam.settings.shops:
        if shop.values is not None:
            build = places.shop_package(shop.platform).build
            connector = build(shop.code, shop.values, exam.session, exam.clock)
            exam.close_later(connector.close)
            found.append((f"店铺 {shop.code}", (shop, connector)))
    return found


@check("接口调用")
async def call(exam: Exam, subject: tuple[ShopSettings, ShopConnector]) -> Verdicts:
    """Asks for an order that cannot exist: "not found" means that everything before it was right."""
    shop, connector = subject
    if not connector.capabilities.pulls:
        return note("只收推送和文件，没有接口可以试；推送签名不对时指标 refused 会增加")
    try:
        await exam.limited(lambda: connector.get_order(NO_ORDER))
    except (NotFound, Rejected):
        return good("签名和授权都有效")
    except AuthExpired as error:
        where = where_to_get(shop.platform, "session", type(shop.values))
        return bad(f"{error}。到哪里取：{where}")
    except Throttled as error:
        return note(str(error))
    except ShopError as error:
        return bad(str(error))
    return good("签名和授权都有效")
