"""A WeCom that says yes to everything at once: what lies behind it must not colour the figures."""

from __future__ import annotations

import itertools

from aiohttp import web

from bench.standing import stand_until_stopped

_NUMBERS = itertools.count(1)


async def _token(_request: web.Request) -> web.Response:
    return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "bench", "expires_in": 7200})


async def _done(request: web.Request) -> web.Response:
    await request.read()
    n = next(_NUMBERS)
    answer = {"errcode": 0, "errmsg": "ok", "msgid": f"m{n}", "response_code": f"code{n}"}
    return web.json_response(answer)


def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/cgi-bin/gettoken", _token), web.route("*", "/{path:.*}", _done)])
    stand_until_stopped(app)


if __name__ == "__main__":
    main()
