"""The digest on its way out: the picture is drawn in a worker process, then picture and card go together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from bot.effects_types import EffectContext, EffectHandler, EffectRefused
from bot.workers import in_worker
from cards.chart import draw
from cards.digest import headline
from domain.chat import Recipient, SubjectRef
from domain.digest import scope_of
from domain.kept_file import kept
from domain.outbox import Effect, Priority, SendCard, SendFile, SendText
from jobs.digest import count, send

PNG = "image/png"


async def digest_send(context: EffectContext, effect: Effect, _attempt: int) -> None:
    """Nothing to say is one line; else the picture where the door carries files, and the card."""
    uow = context.unit_of_work()
    digest = await uow.digests.get(effect.subject.id)
    if digest is None:
        raise EffectRefused(f"no digest {effect.subject.id}")
    to = Recipient.from_args(effect.args)
    urgency = Priority.ANSWER if effect.args.get("asked") else Priority.DIGEST
    if digest.empty:
        uow.send(SendText(to, headline(digest)), key=f"{context.key}.text", priority=urgency)
    else:
        if context.door(to.account).capabilities.sends_files:
            picture = await in_worker(draw, digest.series, f"日报 {digest.day:%Y-%m-%d}")
            file = kept(f"日报-{digest.day}.png", PNG, picture, context.clock.now())
            uow.files.save(file)
            uow.send(SendFile(to, file.id), key=f"{context.key}.picture", priority=urgency)
        card = SendCard(to, SubjectRef("digest", digest.id))
        uow.send(card, key=f"{context.key}.card", priority=urgency)
    context.finish(uow, {"outcome": "sent"})
    await uow.commit()


async def digest_make(context: EffectContext, effect: Effect, _attempt: int) -> None:
    """Somebody asked: count for their eyes, then send as the morning does."""
    staff = context.scene.directory.by_id(effect.args["staff"])
    if staff is None:
        raise EffectRefused(f"no staff {effect.args['staff']}")
    job = context.job_context(context.trace_id)
    uow = context.unit_of_work()
    digest = await count(job, uow, scope_of(staff), date.fromisoformat(effect.args["date"]))
    uow.digests.save(digest)
    send(uow, digest.id, Recipient.from_args(effect.args), key=f"{context.key}.send", asked=True)
    context.finish(uow, {"outcome": "counted", "digest": digest.id})
    await uow.commit()


EFFECTS: Mapping[str, EffectHandler] = {"digest.send": digest_send, "digest.make": digest_make}
