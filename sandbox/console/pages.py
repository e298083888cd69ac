"""Serves the console's page and its files; everything else it shows comes from the control API."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILES = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}
HEADERS = {
    # Chat texts are hostile input: nothing inline runs, nothing is loaded from or sent to another host.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # revalidated by ETag, so an upgraded console is never mixed with an old one
}


def routes() -> list[web.RouteDef]:
    """The console's routes, relative to `/sandbox`."""
    return [web.get("/", page), web.get("/static/{name}", static)]


async def page(_request: web.Request) -> web.StreamResponse:
    return _file("index.html")


async def static(request: web.Request) -> web.StreamResponse:
    """One file by its bare name; the set of names is fixed when the module loads."""
    return _file(request.match_info["name"])


def _file(name: str) -> web.StreamResponse:
    path = FILES.get(name)
    if path is None:
        raise web.HTTPNotFound(text=f"控制台没有文件 {name}")
    return web.FileResponse(path, headers={**HEADERS, "Content-Type": TYPES[path.suffix]})
