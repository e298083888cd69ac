"""读文件夹: files that other systems put into a watched folder, each handed to the job that can read it."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

import jobs
from domain.chat import Recipient
from domain.outbox import Priority, SendText
from domain.staff import Role
from domain.watched_folder import MAX_FOLDER_BYTES, FileGone, FolderTrouble, FoundFile, WatchedFolder
from jobs.registry import BadFile, Counts, FileTaker, Job, JobContext, Upload

WAITING, READ, REFUSED = "还在写", "读入", "有问题"
LONGEST_TOLD = 1500  # characters of a reason in chat; all of it stands in the note beside the file


class FolderFault(RuntimeError):
    """A fault of our own, or of a disk; every other file was read to its end and this one lies where it lay."""


async def run(context: JobContext) -> Counts:
    """Every whole file of every folder. Safe to be killed anywhere: a file is put away only after what it holds is
    stored, and one that is read again changes nothing."""
    counts: Counter[str] = Counter({READ: 0, REFUSED: 0, WAITING: 0})
    faults: list[Exception] = []
    for folder in context.folders:
        try:
            files = await folder.look(context.clock.now())
        except FolderTrouble as error:
            faults.append(error)
            continue
        for number, file in enumerate(files):
            await context.progress(number, len(files), file.name)
            try:
                counts[await _one(context, folder, file)] += 1
            except FileGone:
                continue
            except Exception as error:  # noqa: BLE001 - raised below, when the other files have had their turn
                faults.append(error)
    if faults:
        raise FolderFault(
            "；".join((str(error) or type(error).__name__)[:300] for error in faults)
        ) from faults[0]
    return counts


async def _one(context: JobContext, folder: WatchedFolder, file: FoundFile) -> str:
    if not file.ready:
        return WAITING
    if file.size > MAX_FOLDER_BYTES:
        most = MAX_FOLDER_BYTES // 1024 // 1024
        why = f"文件超过 {most} MB：请拆小，或在服务器上用 python -m bot import 导入"
        return await _refuse(context, folder, file, file.stamp, why)
    content = await folder.read(file.name)
    digest = hashlib.sha256(content).hexdigest()
    try:
        answer = await offer(context, Upload(file.name, content, f"folder:{folder.name}"))
    except BadFile as error:
        return await _refuse(context, folder, file, digest, str(error))
    if answer is None:
        return await _refuse(context, folder, file, digest, not_known())
    await folder.put_away(file.name, digest, why=answer)
    return READ


async def offer(context: JobContext, upload: Upload) -> str | None:
    """The answer of the first job that knows the file; None when none does."""
    for taker in takers().values():
        answer = await taker(context, upload)
        if answer is not None:
            return answer
    return None


def takers() -> Mapping[str, FileTaker]:
    """Every TAKE_FILE of this folder, found by place."""
    found = {}
    for info in pkgutil.iter_modules(jobs.__path__):
        taker = getattr(importlib.import_module(f"jobs.{info.name}"), "TAKE_FILE", None)
        if taker is not None:
            found[info.name] = taker
    return found


def not_known() -> str:
    modules = (importlib.import_module(f"jobs.{name}") for name in takers())
    known = [f"· {module.FILE_HELP}" for module in modules if hasattr(module, "FILE_HELP")]
    return "\n".join(["认不出这是什么文件。能读的有：", *known])


async def _refuse(context: JobContext, folder: WatchedFolder, file: FoundFile, digest: str, why: str) -> str:
    """Told before it is moved: a kill between the two has it told once all the same, by its key."""
    short = why if len(why) <= LONGEST_TOLD else f"{why[:LONGEST_TOLD]}……"
    text = (
        f"文件夹 {folder.place} 里的 {file.name} 有问题：{short}\n"
        f"文件已移到 failed/，原因也写在旁边的 .why.txt 里。改好后放回文件夹，会自动重读。"
    )
    uow = context.unit_of_work()
    for to in owners(context):
        key = f"folder.{folder.name}.{digest}.{file.stamp}.{to.lane}"
        uow.send(SendText(to, text), key=key, priority=Priority.YELLOW)
    await uow.commit()
    await folder.put_away(file.name, digest, why=why, failed=True)
    return REFUSED


def owners(context: JobContext) -> tuple[Recipient, ...]:
    """Supervisors and administrators, on every account of theirs."""
    scene = context.scene
    roles = (Role.SUPERVISOR, Role.ADMIN)
    found = [to for role in roles for to in scene.audience(role.value, cards=False)]
    return tuple(dict.fromkeys(found))


JOB = Job(
    name="watch_folder",
    title="读文件夹",
    run=run,
    every=timedelta(minutes=1),
    limit=timedelta(minutes=30),
)
