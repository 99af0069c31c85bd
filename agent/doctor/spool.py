"""The spool and the disk it lies on."""

from agent.doctor.finding import Finding, Text, Word, span
from agent.doctor.mends import MAKE_ROOM
from agent.doctor.patient import Patient
from agent.spool.standing import Standing

NOUN = Text("记录缓存", "spool")
DISK = Text("磁盘", "disk")
MEGA = 1 << 20
LEAST_FREE = 100 * MEGA
LATE_MICROS = 15 * 60_000_000  # what has waited longer is not under way but stuck
NEARLY = 0.8

READ_OUT = Text("请把这句话读给总行科技。", "Read this sentence to head office.")


def look(patient: Patient) -> list[Finding]:
    return [_with_damaged(patient, _spool(patient)), _disk(patient)]


def _with_damaged(patient: Patient, found: Finding) -> Finding:
    """One line for the spool, with what is left of a damaged one before it."""
    aside = patient.home / "spool.db.damaged"
    if aside.exists():
        said = Text(
            f"以前的缓存文件损坏过，已移到 {aside}，其中未送出的记录没有送达。",
            f"An earlier spool was damaged; it lies at {aside}, and what it had not sent has not arrived.",
        )
        mend = Text(
            "告诉总行科技；他们看过之后可以删除这个文件。磁盘若再次出错，请更换硬盘。",
            "Tell head office, who may delete the file. If it happens again, replace the disk.",
        )
        return Finding(
            noun=NOUN,
            word=Word.HEED if found.word is Word.WELL else found.word,
            said=Text(f"{found.said.zh}{said.zh}", f"{found.said.en} {said.en}"),
            mend=Text(f"{found.mend.zh}{mend.zh}", f"{found.mend.en} {mend.en}") if found.mend else mend,
            facts={**found.facts, "damaged": str(aside)},
        )
    return found


def _spool(patient: Patient) -> Finding:
    file = patient.spool
    live = patient.live
    standing = live.spool if live is not None else file.standing
    if patient.disk.full and file.there:
        said = Text("磁盘已满，缓存写不进去，也看不到里面。", "The disk is full: it cannot be written nor looked into.")
        if standing is not None:
            said = Text(
                f"磁盘已满，缓存写不进去；里面有 {standing.waiting} 条等待送出。",
                f"The disk is full: it cannot be written; {standing.waiting} records in it wait.",
            )
        return Finding(noun=NOUN, word=Word.WRONG, said=said, mend=MAKE_ROOM)
    if file.trouble:
        said = Text(f"缓存文件不能读：{file.trouble.zh}。", f"The spool cannot be read: {file.trouble.en}.")
        mend = Text(
            "重新启动采集程序，它会把坏文件移开再建一个；还不行就打电话给总行科技。",
            "Start the agent anew: it moves a damaged file aside and begins another. Else call head office.",
        )
        return Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend)
    if not file.there:
        return Finding(
            noun=NOUN,
            word=Word.HEED,
            said=Text("还没有缓存文件：采集程序在这里没有运行过。", "There is no spool: the agent never ran here."),
            mend=Text(
                "运行 branchfleet-agent run，或把它装成服务。", "Start it: branchfleet-agent run, or its service."
            ),
        )
    if standing is None:
        return Finding(
            noun=NOUN,
            word=Word.UNSEEN,
            said=Text(
                "采集程序占着缓存文件，又没有新的状态文件，看不到内容。",
                "The running agent holds the spool and has not said how it stands, so it cannot be seen.",
            ),
            mend=Text(
                "三分钟后再查一次；还是这样就重新启动采集程序。", "Look again in three minutes, then restart it."
            ),
        )
    return _filled(patient, standing)


def _filled(patient: Patient, standing: Standing) -> Finding:
    limit = patient.settings.spool_bytes if patient.settings is not None else 0
    age = patient.now.wall - standing.oldest if standing.waiting else 0
    facts = {"stream": standing.stream, "waiting": standing.waiting, "oldest": standing.oldest}
    facts |= {"bytes": standing.bytes, "limit": limit}
    old = span(age)
    since = standing.waiting and age >= 0  # else the clock was set back meanwhile, and nobody knows how long
    said = Text(
        f"占用 {standing.bytes / MEGA:.1f} MB，{standing.waiting} 条等待送出"
        + (f"，最早的等了 {old.zh}。" if since else "。"),
        f"{standing.bytes / MEGA:.1f} MB, {standing.waiting} records wait"
        + (f", the oldest for {old.en}." if since else "."),
    )
    if limit and standing.bytes > NEARLY * limit:
        mend = Text(
            "线路恢复后会自动送出；在此之前请总行科技调大 spool_limit_mb，否则最早的记录会被合并或丢弃。",
            "It empties when the line is back. Until then raise spool_limit_mb, or the oldest records are thinned.",
        )
        return Finding(noun=NOUN, word=Word.HEED, said=said, mend=mend, facts=facts)
    if age > LATE_MICROS:
        mend = Text("见“服务器”一项：线路通了就会送出。", "See the server above: they go once it answers.")
        return Finding(noun=NOUN, word=Word.HEED, said=said, mend=mend, facts=facts)
    return Finding(noun=NOUN, word=Word.WELL, said=said, facts=facts)


def _disk(patient: Patient) -> Finding:
    disk = patient.disk
    if disk.free is None:
        why, home = disk.trouble, patient.home
        said = Text(f"看不到 {home}：{why.zh}。", f"{home} cannot be looked at: {why.en}.")
        return Finding(noun=DISK, word=Word.UNSEEN, said=said, mend=READ_OUT)
    facts = {"free": disk.free, "total": disk.total}
    said = Text(f"剩余 {disk.free / MEGA:,.0f} MB。", f"{disk.free / MEGA:,.0f} MB are free.")
    if disk.full:
        full = Text(
            f"已满，{said.zh}新记录只能留在内存里，断电会丢。", f"It is full. {said.en} News waits in memory only."
        )
        return Finding(noun=DISK, word=Word.WRONG, said=full, mend=MAKE_ROOM, facts=facts)
    if disk.free < LEAST_FREE:
        mend = Text(
            "清空回收站和临时文件；还不够就打电话给总行科技。满了以后新记录只能留在内存里，断电会丢。",
            "Empty the recycle bin and temporary files. On a full disk news waits in memory and a power cut loses it.",
        )
        return Finding(noun=DISK, word=Word.WRONG, said=said, mend=mend, facts=facts)
    limit = patient.settings.spool_bytes if patient.settings is not None else 0
    if disk.free < limit:
        mend = Text(
            f"断线时缓存最多要用 {limit / MEGA:,.0f} MB，请腾出空间。",
            f"With the line down the spool may grow to {limit / MEGA:,.0f} MB: make room.",
        )
        return Finding(noun=DISK, word=Word.HEED, said=said, mend=mend, facts=facts)
    return Finding(noun=DISK, word=Word.WELL, said=said, facts=facts)
