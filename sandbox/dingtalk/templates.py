"""Card templates: who may use which, and how a client renders one (dingtalk.md §6.2, §6.7)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.dingtalk import answers, figures
from sandbox.dingtalk.records import App, Card
from sandbox.dingtalk.tenant import NAME, Tenant

PUBLIC_BUTTONS = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
PUBLIC_MARKDOWN = "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema"
PUBLIC_AI = "382e4302-551d-4880-bf29-a30acfab2e71.schema"
KINDS = {PUBLIC_BUTTONS: "public_buttons", PUBLIC_MARKDOWN: "markdown", PUBLIC_AI: "ai"}

MAX_NUMBERED = 9
ADVISED_VALUE_BYTES = 1024
AI_RUNNING = {"1", "2", "4"}
OWN_BUTTONS: list[dict[str, Any]] = [
    {"text": "同意", "color": "blue", "id": "approve", "request": True, "params": {"action": "approve"}},
    {"text": "驳回", "color": "red", "id": "reject", "request": True, "params": {"action": "reject"}},
    {"text": "为什么", "color": "gray", "id": "why", "request": True, "params": {"action": "why"}},
]


def check(tenant: Tenant, app: App, template: str) -> None:
    """Refuse a template this app cannot use, with the code the platform gives."""
    if not template:
        raise answers.api("param.cardTemplateIdEmpty", "cardTemplateId不能为空")
    if not template.endswith(".schema"):
        raise answers.api("param.cardTemplateIdInvalid")
    known = template in KINDS or own(tenant, app, template) is not None
    if template == PUBLIC_BUTTONS and not figures.enabled(tenant.world, "public_template"):
        known = False
    if tenant.world.faults.take(NAME, "template_missing") or not known:
        raise answers.api("param.templateNotExist")


def own(tenant: Tenant, app: App, template: str) -> dict[str, Any] | None:
    """An own template: the app's, or one the switch `dingtalk.templates` gives to all."""
    if template in figures.names(tenant.world, "templates"):
        return {"id": template}
    return next((found for found in app.templates if found["id"] == template), None)


def buttons(tenant: Tenant, card: Card, data: dict[str, Any]) -> list[dict[str, Any]]:
    """The buttons shown with this data, as the template's msgButtons list describes them."""
    listed = _listed(data)
    if card.template in KINDS:
        return listed or []
    if data.get("status"):
        return []
    if listed is not None:
        return listed
    template = own(tenant, tenant.app(card.app), card.template) or {}
    return list(template.get("buttons") or OWN_BUTTONS)


def _listed(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """msgButtons inside sys_full_json_obj, or an own template's `buttons` variable; None: not given."""
    whole = _json(data.get("sys_full_json_obj"))
    if isinstance(whole, dict) and "msgButtons" in whole:
        found: Any = whole["msgButtons"]
    else:
        found = _json(data.get("buttons"))
    if isinstance(found, list):
        return [button for button in found if isinstance(button, dict)]
    return _numbered(data)


def _numbered(data: dict[str, Any]) -> list[dict[str, Any]] | None:
    """An own template may hold each button as `button1_text`, `button1_action` …; empty texts hide it."""
    numbers = [n for n in range(1, MAX_NUMBERED + 1) if f"button{n}_text" in data]
    if not numbers:
        return None
    pairs = [(str(data[f"button{n}_text"]), str(data.get(f"button{n}_action", ""))) for n in numbers]
    given = {"chat": str(data["chat"])} if data.get("chat") else {}
    return [
        {"text": text, "id": action, "request": True, "params": {"action": action, **given}}
        for text, action in pairs
        if text
    ]


def _json(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def render(tenant: Tenant, card: Card, user: str) -> dict[str, Any]:
    """The card as this person's client shows it now."""
    data = {name: _shown(value) for name, value in card.data(user).items()}
    shown = [_button(button) for button in buttons(tenant, card, data)]
    kind = KINDS.get(card.template, "own")
    live = any(button["action"] and not button["disabled"] for button in shown)
    running = kind == "ai" and data.get("flowStatus", "1") in AI_RUNNING
    state = "pending" if running or user in card.pending else "live" if live else "final"
    return {
        "kind": kind,
        "source": "",
        "source_color": "",
        "title": data.get("msgTitle", "") if kind == "ai" else data.get("title", ""),
        "subtitle": data.get("status", "") if kind == "own" else "",
        "fields": [],
        "body": _body(kind, data),
        "tips": data.get("tips", ""),
        "buttons": shown,
        "menu": [],
        "select": [],
        "state": state,
        "replace_text": "",
        "warnings": _warnings(data),
        "data": data,
    }


def _body(kind: str, data: dict[str, str]) -> str:
    if kind == "ai":
        return "\n\n".join(filter(None, (data.get("msgContent", ""), data.get("staticMsgContent", ""))))
    if kind == "own":
        return data.get("content") or data.get("markdown", "")
    return data.get("markdown", "")


def _shown(value: Any) -> str:
    """A client that is given an object shows it the JavaScript way."""
    if isinstance(value, dict):
        return "[object Object]"
    return value if isinstance(value, str) else str(value)


def _button(button: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "text": str(button.get("text", "")),
        "action": str(button.get("id", "")) if button.get("request") else "",
        "style": str(button.get("color", "gray")),
        "disabled": str(button.get("status", "normal")) == "disabled",
    }
    return {**shown, "url": str(button["url"])} if button.get("url") else shown


def _warnings(data: dict[str, str]) -> list[str]:
    """What a real client would render badly."""
    found = []
    for name, value in data.items():
        if len(value.encode()) > ADVISED_VALUE_BYTES and name != "sys_full_json_obj":
            found.append(f"变量 {name} 超过 1 KB")
        if value == "[object Object]":
            found.append(f"变量 {name} 不是字符串")
    raw = data.get("sys_full_json_obj", "")
    if raw and _json(raw) is None:
        found.append("sys_full_json_obj 不是合法 JSON，按钮不显示")
    if any(line.lstrip().startswith("|") for line in data.get("markdown", "").splitlines()):
        found.append("Markdown 表格不显示")
    return found
