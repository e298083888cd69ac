"""The app's menu: create, get, delete with their checks (wecom.md §7.2)."""

from __future__ import annotations

from typing import Any

from sandbox.wecom.apps import App, Apps
from sandbox.wecom.errors import WecomError
from sandbox.wecom.gate import Call

Button = dict[str, Any]
KEYED = (
    "click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin",
    "location_select",
)  # fmt: skip
TOP = {"count": 40016, "type": 40017, "name": 40018, "key": 40019, "url": 40020}
SUB = {"count": 40023, "type": 40024, "name": 40025, "key": 40026, "url": 40027}


def _check_button(button: Any, codes: dict[str, int], name_bytes: int, *, top: bool) -> None:
    name = button.get("name") if isinstance(button, dict) else None
    if not isinstance(name, str) or not 0 < len(name.encode()) <= name_bytes:
        raise WecomError(codes["name"], "invalid button name")
    subs = button.get("sub_button")
    if subs:
        if not top:
            raise WecomError(40022, "menu has two levels only")
        _check_level(subs, SUB, 40, most=5, top=False)
        return
    kind = button.get("type")
    if kind not in (*KEYED, "view", "view_miniprogram"):
        raise WecomError(codes["type"], "invalid button type")
    if kind in KEYED and not 0 < len(str(button.get("key") or "").encode()) <= 128:
        raise WecomError(codes["key"], "invalid button key")
    url = str(button.get("url") or "")
    if kind == "view" and not ("://" in url and len(url.encode()) <= 1024):
        raise WecomError(codes["url"], "invalid button url")


def _check_level(buttons: Any, codes: dict[str, int], name_bytes: int, *, most: int, top: bool) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= most:
        raise WecomError(codes["count"], "invalid button count")
    for button in buttons:
        _check_button(button, codes, name_bytes, top=top)


def entries(app: App) -> list[Button]:
    """Every button a person can press, sub-buttons included."""
    buttons = (app.menu or {}).get("button") or []
    return [entry for button in buttons for entry in (button.get("sub_button") or [button])]


class Menus:
    """menu/create, menu/get, menu/delete."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    def create(self, call: Call) -> dict[str, Any]:
        call.check_agent(call.query.get("agentid", ""))
        if not call.app.callback_url:
            raise WecomError(43012)
        buttons = call.body.get("button")
        _check_level(buttons, TOP, 16, most=3, top=True)
        call.app.menu = {"button": buttons}
        self._apps.save(call.app)
        return {}

    def get(self, call: Call) -> dict[str, Any]:
        call.check_agent(call.query.get("agentid", ""))
        if call.app.menu is None:
            raise WecomError(46003)
        return dict(call.app.menu)

    def delete(self, call: Call) -> dict[str, Any]:
        call.check_agent(call.query.get("agentid", ""))
        call.app.menu = None
        self._apps.save(call.app)
        return {}
