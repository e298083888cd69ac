"""One look for all staff pages, and who may open them: the holder of a signed ticket, nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web
from jinja2 import Environment

from bot.links import TICKET, holder
from domain.staff import Staff

if TYPE_CHECKING:
    from bot.compose import Desk

# No scripts, no pictures, nothing from elsewhere, whatever anybody typed into a timeline.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Content-Type": "text/html; charset=utf-8",
}
_LAYOUT = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{{ title }} · 前哨</title>
<style>
:root { color-scheme: light dark; --ink: #1d2530; --soft: #66707d; --line: #dfe4ea; --paper: #fff; --back: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #99a3b0; --line: #333b46; --paper: #1c2129; --back: #13171d; } }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.6 system-ui, "PingFang SC", "Microsoft YaHei", sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: .4rem 0; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem;
  margin: .8rem 0; overflow-x: auto; }
dl { display: grid; grid-template-columns: minmax(4.5rem, max-content) 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-line; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; } td:first-child { white-space: nowrap; } p { margin: .2rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: flex; flex-wrap: wrap; gap: 0 .9rem; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { border: 0; padding: 0; }
  td::before { content: attr(data-head) " "; color: var(--soft); font-size: .85rem; }
  td:empty { display: none; } }
</style></head><body><main>
<h1>{{ title }}</h1>{% if subtitle %}<p class="soft">{{ subtitle }}</p>{% endif %}
{% for part in parts %}<section>{% if part.title %}<h2>{{ part.title }}</h2>{% endif %}
{% if part.facts %}<dl>{% for label, value in part.facts %}<dt>{{ label }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
{% elif part.rows %}<table><thead><tr>{% for head in part.heads %}<th>{{ head }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in part.rows %}<tr>
{% for cell in row %}<td data-head="{{ part.heads[loop.index0] }}">{{ cell }}</td>{% endfor %}</tr>{% endfor %}</tbody>
</table>
{% else %}<p class="soft">{{ part.empty }}</p>{% endif %}</section>{% endfor %}
<p class="soft">{{ footer }}</p></main></body></html>"""
_TEMPLATE = Environment(autoescape=True).from_string(_LAYOUT)


@dataclass(frozen=True)
class Part:
    """One box of a page: facts by label, or a table; `empty` when there is nothing."""

    title: str
    facts: Sequence[Sequence[str]] = ()
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    empty: str = "还没有"


@dataclass(frozen=True)
class Reader:
    """Who holds the ticket: a person, or (`staff` None) whoever reads the group that `group` names."""

    staff: Staff | None
    group: str = ""


def answer(
    title: str, parts: Sequence[Part], *, subtitle: str = "", footer: str = "", status: int = 200
) -> web.Response:
    text = _TEMPLATE.render(title=title, subtitle=subtitle, parts=parts, footer=footer)
    return web.Response(body=text.encode(), status=status, headers=HEADERS)


def reader(desk: Desk, request: web.Request) -> Reader | None:
    """Whose ticket came with the request; None when it is missing, forged, of another page, too old, or of somebody
    who has left."""
    ticket = request.query.get(TICKET, "")
    name = holder(request.path, ticket, desk.db.keys.link_key, desk.clock) if ticket else None
    if name is None:
        return None
    if name.startswith("room:"):
        return Reader(None, name.removeprefix("room:"))
    staff = desk.scene.directory.by_id(name)
    return Reader(staff) if staff else None


def refused() -> web.Response:
    """The same words for everything that is not for these eyes."""
    why = "这个地址已过期、不完整，或不是给你的。请在聊天里重新点“看报告”或“看订单”拿新的地址。"
    return answer("打不开", [Part("", empty=why)], status=403)
