"""Bodies of messages other than template cards: limits, silent cutting, what the reader sees (§4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.wecom.errors import WecomError

SHOWN_BYTES = 2048
REFUSED_BYTES = 5120
MEDIA = ("image", "voice", "video", "file")
KNOWN = ("text", "markdown", *MEDIA, "textcard", "news", "mpnews", "miniprogram_notice")

MediaName = Callable[[str], str]  # media_id -> file name; raises WecomError 40007


@dataclass
class Content:
    """What a reader sees of a message."""

    text: str
    cut: bool = False
    media_id: str = ""
    url: str = ""


def cut_bytes(text: str, limit: int = SHOWN_BYTES) -> tuple[str, bool]:
    """Cut as the server does, by bytes and possibly inside a character."""
    data = text.encode()
    if len(data) <= limit:
        return text, False
    return data[:limit].decode(errors="replace"), True


def read(kind: str, message: dict[str, Any], media_name: MediaName) -> Content:
    """Check `message[kind]` and return what is shown; raises WecomError."""
    if kind not in KNOWN:
        raise WecomError(40008)
    body = message.get(kind)
    if not isinstance(body, dict):
        raise WecomError(40063, f"empty {kind}")
    if kind in ("text", "markdown"):
        return _text(kind, body)
    if kind in MEDIA:
        return _media(kind, body, media_name)
    return {"textcard": _textcard, "news": _news, "mpnews": _mpnews, "miniprogram_notice": _miniprogram}[
        kind
    ](body)


def _text(kind: str, body: dict[str, Any]) -> Content:
    content = body.get("content")
    if not isinstance(content, str) or not content:
        raise WecomError(44004, f"{kind} content is empty")
    if len(content.encode()) > REFUSED_BYTES:
        raise WecomError(40058, f"{kind}.content exceed max length {REFUSED_BYTES}")
    return Content(*cut_bytes(content))


def _media(kind: str, body: dict[str, Any], media_name: MediaName) -> Content:
    media_id = body.get("media_id")
    if not isinstance(media_id, str) or not media_id:
        raise WecomError(41006)
    name = media_name(media_id)
    lines = [name]
    if kind == "video":
        lines += [cut_bytes(str(body.get("title") or ""), 128)[0]]
        lines += [cut_bytes(str(body.get("description") or ""), 512)[0]]
    return Content("\n".join(line for line in lines if line), media_id=media_id)


def _check_url(url: Any) -> str:
    if not isinstance(url, str) or not url:
        raise WecomError(40094)
    if len(url.encode()) > 2048:
        raise WecomError(40039)
    if "://" not in url:
        raise WecomError(45034)
    return url


def _textcard(body: dict[str, Any]) -> Content:
    title, description = str(body.get("title") or ""), str(body.get("description") or "")
    if not title:
        raise WecomError(41016)
    if not description:
        raise WecomError(41033)
    url = _check_url(body.get("url"))
    cut = len(title) > 128 or len(description) > 512
    text = f"{title[:128]}\n{description[:512]}\n[{str(body.get('btntxt') or '详情')[:4]}]"
    return Content(text, cut=cut, url=url)


def _articles(body: dict[str, Any]) -> list[dict[str, Any]]:
    articles = body.get("articles")
    if not isinstance(articles, list) or not articles:
        raise WecomError(40063, "empty articles")
    if len(articles) > 8:
        raise WecomError(45008)
    if not all(isinstance(a, dict) and a.get("title") for a in articles):
        raise WecomError(41016)
    return articles


def _news(body: dict[str, Any]) -> Content:
    lines, cut, first = [], False, ""
    for article in _articles(body):
        if not article.get("appid"):
            first = first or _check_url(article.get("url"))
        for part, limit in (("title", 128), ("description", 512)):
            text, was_cut = cut_bytes(str(article.get(part) or ""), limit)
            cut = cut or was_cut
            lines += [text] if text else []
    return Content("\n".join(lines), cut=cut, url=first)


def _mpnews(body: dict[str, Any]) -> Content:
    articles = _articles(body)
    for article in articles:
        if not article.get("thumb_media_id"):
            raise WecomError(41006)
        if len(str(article.get("content") or "").encode()) > 666 * 1024:
            raise WecomError(45002)
    return Content("\n".join(str(a["title"]) for a in articles))


def _miniprogram(body: dict[str, Any]) -> Content:
    if not body.get("appid"):
        raise WecomError(40063, "empty appid")
    if not 4 <= len(str(body.get("title") or "")) <= 12:
        raise WecomError(40058, "invalid miniprogram_notice.title")
    items = body.get("content_item") or []
    if not isinstance(items, list) or len(items) > 10 or not all(isinstance(i, dict) for i in items):
        raise WecomError(40058, "invalid content_item length")
    lines = [f"{i.get('key', '')}: {i.get('value', '')}" for i in items]
    return Content("\n".join([str(body["title"]), *lines]))
