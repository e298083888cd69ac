"""An aiohttp handler that does nothing but verify, decrypt and answer, with our own crypto: the ceiling."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from bench.callbacks import App
from bench.standing import stand_until_stopped
from integrations.chat.wecom.callback import verify_callback


def main() -> None:
    envelope = App().envelope

    async def deliver(request: web.Request) -> web.Response:
        body = await request.read()
        verify_callback(envelope, request.raw_path.partition("?")[2], body, datetime.now(UTC))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/callback/wecom/{app}", deliver)])
    stand_until_stopped(app)


if __name__ == "__main__":
    main()
