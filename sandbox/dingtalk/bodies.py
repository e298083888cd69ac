"""Message bodies of the send APIs and of webhooks, checked and turned into one shown form (dingtalk.md §5.3)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sandbox.dingtalk import answers
from sandbox.dingtalk.answers import Json

WEBHOOK_BYTES = 20_000
GROUP_PARAM_BYTES = 15_000
FILE_TYPES = {"xlsx", "pdf", "zip", "rar", "doc", "docx"}


@dataclass
class Shown:
    """A message as a chat window shows it; `content` is what only its kind has."""

    kind: str  # text | markdown | image | file | actioncard
    text: str
    content: dict[str, Any] = field(default_factory=dict)


_STACKED = {
    f"sampleActionCard{count}": (
        "title",
        "text",
        *(f"{part}{n}" for n in range(1, count + 1) for part in ("actionTitle", "actionURL")),
    )
    for count in range(2, 6)
}
FIELDS: dict[str, tuple[str, ...]] = {
    "sampleText": ("content",),
    "sampleMarkdown": ("title", "text"),
    "sampleImageMsg": ("photoURL",),
    "sampleLink": ("text", "title", "picUrl", "messageUrl"),
    "sampleActionCard": ("title", "text", "singleTitle", "singleURL"),
    **_STACKED,
    "sampleActionCard6": ("title", "text", "buttonTitle1", "buttonUrl1", "buttonTitle2", "buttonUrl2"),
    "sampleAudio": ("mediaId", "duration"),
    "sampleFile": ("mediaId", "fileName", "fileType"),
    "sampleVideo": ("duration", "videoMediaId", "videoType", "picMediaId"),
}


def from_send(body: Json) -> Shown:
    """Check `msgKey` and `msgParam` of a send API call."""
    key = body.get("msgKey")
    if not key:
        raise answers.api("invalidParameter.msgKey.empty", "msgKey不能为空")
    if not isinstance(key, str) or key not in FIELDS:
        raise answers.api("invalidParameter.msgKey.invalid", "msgKey无效")
    param = _param(body.get("msgParam"))
    for name in FIELDS[key]:
        if param.get(name) in (None, ""):
            raise answers.api(f"miss.param.{name}", f"缺少参数 {name}")
    return _SENT[key.rstrip("23456")](key, {name: str(value) for name, value in param.items()})


def _param(raw: Any) -> Json:
    """msgParam is a string that holds a JSON object."""
    try:
        param: Any = json.loads(raw) if isinstance(raw, str) else None
    except ValueError:
        param = None
    if not isinstance(param, dict):
        raise answers.api("invalidParameter.msgParam.invalid", "msgParam不是合法的JSON字符串")
    return param


def _text(_key: str, param: dict[str, str]) -> Shown:
    return Shown("text", param["content"])


def _markdown(_key: str, param: dict[str, str]) -> Shown:
    return Shown("markdown", param["text"], {"title": param["title"]})


def _image(_key: str, param: dict[str, str]) -> Shown:
    return Shown("image", "[图片]", {"media": param["photoURL"]})


def _link(_key: str, param: dict[str, str]) -> Shown:
    button = {"text": "查看详情", "url": param["messageUrl"]}
    return Shown("actioncard", param["text"], {"title": param["title"], "buttons": [button]})


def _action_card(key: str, param: dict[str, str]) -> Shown:
    if key == "sampleActionCard":
        pairs = [(param["singleTitle"], param["singleURL"])]
    elif key == "sampleActionCard6":
        pairs = [(param[f"buttonTitle{n}"], param[f"buttonUrl{n}"]) for n in (1, 2)]
    else:
        pairs = [(param[f"actionTitle{n}"], param[f"actionURL{n}"]) for n in range(1, int(key[-1]) + 1)]
    buttons = [{"text": text, "url": url} for text, url in pairs]
    row = key == "sampleActionCard6"
    return Shown("actioncard", param["text"], {"title": param["title"], "buttons": buttons, "row": row})


def _audio(_key: str, param: dict[str, str]) -> Shown:
    return Shown("file", "[语音]", {"media": param["mediaId"], "name": "语音"})


def _file(_key: str, param: dict[str, str]) -> Shown:
    if param["fileType"] not in FILE_TYPES:
        raise answers.api("invalidParameter.msgParam.invalid", f"不支持的文件类型 {param['fileType']}")
    return Shown(
        "file", f"[文件] {param['fileName']}", {"media": param["mediaId"], "name": param["fileName"]}
    )


def _video(_key: str, param: dict[str, str]) -> Shown:
    return Shown("file", "[视频]", {"media": param["videoMediaId"], "name": f"视频.{param['videoType']}"})


_SENT = {
    "sampleText": _text,
    "sampleMarkdown": _markdown,
    "sampleImageMsg": _image,
    "sampleLink": _link,
    "sampleActionCard": _action_card,
    "sampleAudio": _audio,
    "sampleFile": _file,
    "sampleVideo": _video,
}


def from_webhook(body: Json, raw_bytes: int) -> Shown:
    """Check the body of a sessionWebhook, custom robot or HTTP reply message."""
    if raw_bytes > WEBHOOK_BYTES:
        raise answers.old(460101, "message too long, exceed 20000 bytes")
    kind = body.get("msgtype")
    part = body.get(str(kind))
    if not isinstance(kind, str) or kind not in _WEBHOOK:
        raise answers.old(400105, "unsupported msgtype")
    if not isinstance(part, dict):
        raise answers.old(400402, f"missing parameter {kind}")
    return _WEBHOOK[kind](part)


def _need(part: Any, *names: str) -> list[str]:
    for name in names:
        if not isinstance(part, dict) or not isinstance(part.get(name), str) or not part[name]:
            raise answers.old(400402, f"missing parameter {name}")
    return [str(part[name]) for name in names]


def _hook_text(part: Json) -> Shown:
    return Shown("text", _need(part, "content")[0])


def _hook_markdown(part: Json) -> Shown:
    title, text = _need(part, "title", "text")
    return Shown("markdown", text, {"title": title})


def _hook_link(part: Json) -> Shown:
    title, text, url = _need(part, "title", "text", "messageUrl")
    return Shown("actioncard", text, {"title": title, "buttons": [{"text": "查看详情", "url": url}]})


def _hook_action_card(part: Json) -> Shown:
    title, text = _need(part, "title", "text")
    if part.get("singleTitle"):
        single, url = _need(part, "singleTitle", "singleURL")
        buttons = [{"text": single, "url": url}]
    else:
        found = part.get("btns")
        if not isinstance(found, list) or not found:
            raise answers.old(400402, "missing parameter btns")
        pairs = [_need(button, "title", "actionURL") for button in found]
        buttons = [{"text": label, "url": url} for label, url in pairs]
    row = str(part.get("btnOrientation", "0")) == "1"
    return Shown("actioncard", text, {"title": title, "buttons": buttons, "row": row})


def _hook_feed(part: Json) -> Shown:
    links = part.get("links")
    if not isinstance(links, list) or not links:
        raise answers.old(400402, "missing parameter links")
    pairs = [_need(link, "title", "messageURL") for link in links]
    buttons = [{"text": title, "url": url} for title, url in pairs]
    return Shown("actioncard", "", {"title": pairs[0][0], "buttons": buttons})


_WEBHOOK = {
    "text": _hook_text,
    "markdown": _hook_markdown,
    "link": _hook_link,
    "actionCard": _hook_action_card,
    "feedCard": _hook_feed,
}
