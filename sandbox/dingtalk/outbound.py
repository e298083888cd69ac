"""From the platform to the app, whichever way it listens: robot messages, card clicks, events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from sandbox.dingtalk import bodies, figures, frames, webhooks
from sandbox.dingtalk.answers import Json, Refused
from sandbox.dingtalk.courier import Courier, Delivery
from sandbox.dingtalk.pusher import Pusher
from sandbox.dingtalk.records import App, Card, Message
from sandbox.dingtalk.tenant import NAME, Tenant
from sandbox.dingtalk.timers import Timers

Send = Callable[[], Coroutine[Any, Any, None]]


class Outbound:
    """Chooses Stream or HTTP and lets the delivery faults strike (late, duplicate, reorder)."""

    def __init__(self, tenant: Tenant, timers: Timers, courier: Courier, pusher: Pusher) -> None:
        self._tenant = tenant
        self._world = tenant.world
        self._timers = timers
        self._courier = courier
        self._pusher = pusher
        self._held: list[Send] = []

    async def robot(self, app: App, message: Message, data: Json) -> None:
        text = frames.dumps(data)
        if app.mode == "http":
            send = partial(self._push_robot, app, message, text, 1)
            await self.shape(app.name, send, send)
            return
        delivery = Delivery(app.name, "CALLBACK", frames.ROBOT_TOPIC, text, message.id)
        await self._frame(delivery)

    async def click(self, app: App, card: Card, message: Message, data: Json) -> tuple[bool, Any]:
        """Deliver a tap and wait for the app's answer, 2 s at most: (answered, response)."""
        text = frames.dumps(data)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if card.callback_type == "HTTP":
            send: Send = partial(self._push_click, app, card, message, text, answer)
            await self.shape(app.name, send, send)
        else:
            delivery = Delivery(app.name, "CALLBACK", frames.CARD_TOPIC, text, message.id, answer=answer)
            await self._frame(delivery)
        try:
            result = await asyncio.wait_for(answer, figures.number(self._world, "card_answer_seconds"))
        except TimeoutError:
            return False, None
        if not isinstance(result, dict):
            return False, None
        return True, result if card.callback_type == "HTTP" else result.get("response")

    async def event(self, delivery: Delivery) -> None:
        await self._frame(delivery)

    async def _frame(self, delivery: Delivery) -> None:
        send, repeat = partial(self._courier.send, delivery), partial(self._courier.repeat, delivery)
        await self.shape(delivery.app, send, repeat)

    async def shape(self, app: str, send: Send, repeat: Send) -> None:
        """Deliver now, later, twice, or after the next one."""
        self._tenant.counters.add(app, "callbacks")
        faults = self._world.faults
        if fault := faults.take(NAME, "late"):
            wait = float(fault.args.get("seconds") or figures.number(self._world, "late_seconds"))
            self._timers.after(wait, send)
            return
        if faults.take(NAME, "reorder"):
            self._held.append(send)
            self._timers.after(figures.number(self._world, "reorder_seconds"), self._release)
            return
        await send()
        if faults.take(NAME, "duplicate"):
            await repeat()
        await self._release()

    async def _release(self) -> None:
        held, self._held = self._held, []
        for send in held:
            await send()

    async def _push_robot(self, app: App, message: Message, data: str, attempt: int) -> None:
        """HTTP robot push; a 200 may carry one message for the conversation (§2.3)."""
        status, text = await self._pusher.robot(app, data, message.id)
        if status == 200:
            self._tenant.mark(message.id, "delivered")
            self._post_reply(app, message, text)
            return
        self._tenant.mark(message.id, "undelivered")
        if attempt < figures.whole(self._world, "redelivery_attempts"):
            wait = figures.number(self._world, "redelivery_seconds")
            self._timers.after(wait, partial(self._push_robot, app, message, data, attempt + 1))

    def _post_reply(self, app: App, message: Message, text: str) -> None:
        try:
            body = json.loads(text) if text.strip() else None
            if not isinstance(body, dict) or "msgtype" not in body:
                return
            shown = bodies.from_webhook(body, len(text.encode()))
        except (ValueError, Refused):
            return  # an answer that is no message: nothing is posted
        webhooks.post_reply(self._tenant, app, message.chat, message.user, shown, body)

    async def _push_click(
        self, app: App, card: Card, message: Message, data: str, answer: asyncio.Future[Any]
    ) -> None:
        status, text = await self._pusher.card(app, card, data, message.id)
        try:
            body = json.loads(text) if status == 200 and text.strip() else {}
        except ValueError:
            body = None
        if not answer.done():
            answer.set_result(body if status == 200 else None)
