"""Files people send in chat: fetched, kept, and handed to the job that can read them."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bot import places
from bot.effects_types import EffectContext, EffectHandler, EffectRetry
from bot.logs import log
from cards.door import DoorError, Refused
from domain.chat import Recipient
from domain.kept_file import MAX_BYTES, KeptFile, kept
from domain.outbox import Effect, SendText
from domain.ports import ShopError
from domain.staff import Staff
from jobs.registry import BadFile, FileTaker, JobContext, Upload

JOBS = "jobs"
UNREADABLE = "application/octet-stream"
# Pictures come without a name: what their first bytes say.
SIGNATURES = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"GIF8", ".gif"), (b"BM", ".bmp"))


@dataclass(frozen=True)
class Taken:
    """What to tell the person, and for the record which job answered."""

    answer: str
    by: str = ""


async def file_take(context: EffectContext, effect: Effect, attempt: int) -> None:  # noqa: ARG001 - a retry is the same again
    """Fetch the file, keep it, let the first job that knows it read it, and pass its answer on, once.

    What a job stores must be safe to repeat: the answer and the end of this effect are one commit, the job's own
    commits come before it.
    """
    to = Recipient.from_args(effect.args)
    staff = context.scene.directory.by_id(effect.args["staff"])
    if staff is None:  # left between sending the file and now: nobody to read it for
        await _finish(context, None, to, Taken("", "nobody"))
        return
    try:
        content = await context.door(to.account).fetch_file(effect.args["ref"])
    except Refused as error:
        await _finish(context, None, to, Taken(f"{effect.args['name']} 没有取到：{error}", "refused"))
        return
    except DoorError as error:
        raise EffectRetry(str(error), error.retry_after) from error
    name = named(effect.args["name"], content)
    if not 0 < len(content) <= MAX_BYTES:
        most = MAX_BYTES // 1024 // 1024
        await _finish(context, None, to, Taken(f"{name} 是空的，或超过 {most} MB，没有读", "size"))
        return
    file = await _keep(context, name, content)
    await _finish(context, file, to, await _read(context, Upload(name, content, "chat", staff, to), staff))


async def _keep(context: EffectContext, name: str, content: bytes) -> KeptFile:
    """Before it is read: the platform has it for a few days only, and a reader may point at it."""
    media_type = mimetypes.guess_type(name)[0] or UNREADABLE
    file = kept(name, media_type, content, context.clock.now())
    uow = context.unit_of_work()
    uow.files.save(file)
    await uow.commit()
    return file


async def _read(context: EffectContext, upload: Upload, staff: Staff) -> Taken:
    job = replace(context.job_context(context.trace_id), asked_by=staff)
    for module, taker in file_takers().items():
        try:
            answer = await _offered(taker, job, upload)
        except BadFile as error:
            return Taken(f"{upload.name} 没有读进来：{error}", module)
        if answer is not None:
            return Taken(answer, module)
    return Taken(not_mine(upload.name))


async def _offered(taker: FileTaker, job: JobContext, upload: Upload) -> str | None:
    try:
        return await taker(job, upload)
    except DoorError as error:
        raise EffectRetry(str(error), error.retry_after) from error
    except ShopError as error:
        raise EffectRetry(str(error), error.retry_after) from error


async def _finish(context: EffectContext, file: KeptFile | None, to: Recipient, taken: Taken) -> None:
    uow = context.unit_of_work()
    if taken.answer:
        uow.send(SendText(to, taken.answer), key=f"{context.key}.answer")
    context.finish(uow, {"outcome": taken.by or "nobody's", "file": file.id if file else ""})
    await uow.commit()
    log.info("a file came by chat", taken_by=taken.by, file=file.id if file else "")


def file_takers() -> Mapping[str, FileTaker]:
    """Found by place: the module's name and its TAKE_FILE."""
    return places.exported(JOBS, "TAKE_FILE")


def not_mine(name: str) -> str:
    """What is said when no job knows the file: `FILE_HELP` of the modules that take files, a line each."""
    known = [str(line) for line in places.exported(JOBS, "FILE_HELP").values()]
    if not known:
        return f"{name} 收到了，但这里还没有能读的文件种类"
    return "\n".join([f"认不出 {name} 是什么文件。能读的有：", *(f"· {line}" for line in known)])


def named(name: str, content: bytes) -> str:
    """The name with the suffix its content shows, where it has none."""
    if PurePosixPath(name).suffix:
        return name
    return name + next((suffix for start, suffix in SIGNATURES if content.startswith(start)), "")


EFFECTS: Mapping[str, EffectHandler] = {"file.take": file_take}
