"""The way to the server: set up at all, answers, lets this agent in, and by what certificate."""

from urllib.parse import urlsplit

from agent.doctor.finding import Finding, Text, Word
from agent.doctor.patient import Patient
from agent.link import Away, Elsewhere, LinkError, Rejected
from agent.proof import LOOPBACK

NOUN = Text("服务器", "server")


_ENROL = Text(
    "打电话给总行科技要服务器地址和登记码，再运行 branchfleet-agent enroll。",
    "Ask head office for the server's address and a code, and run branchfleet-agent enroll.",
)


def look(patient: Patient) -> list[Finding]:
    if patient.settings is None:
        why = patient.unset.sentence if patient.unset is not None else ""
        return [
            Finding(
                noun=NOUN,
                word=Word.WRONG,
                said=Text(f"采集程序还没有设置好：{why}", why),
                mend=_ENROL,
            )
        ]
    answer, server = patient.answer, patient.settings.server
    if answer is not None and answer.trouble is not None:
        return [_trouble(server, answer.trouble)]
    if answer is None:
        said = Text("没有可信任的 CA 证书，没有询问服务器。", "There is no CA to know the server by; it was not asked.")
        return [Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=_ENROL, facts={"server": server})]
    if patient.live is not None and patient.live.kept_out:
        why = patient.live.trouble
        zh = _KEPT_OUT.get(patient.live.kept_out, why)
        said = Text(f"{server} 有应答，但不接受本机采集程序：{zh}", f"{server} answers, but not this agent: {why}")
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=_MENDS[Rejected], facts={"server": server})]
    if patient.live is not None and patient.live.trouble:
        why = patient.live.trouble
        said = Text(f"{server} 有应答，但本机采集程序连不上：{why}", f"{server} answers, but not this agent: {why}")
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=_MENDS[Rejected], facts={"server": server})]
    took, agent = answer.took / 1_000_000, patient.settings.identity.agent
    facts = {"server": server, "agent": agent, "took_ms": round(took * 1000)}
    said = Text(
        f"{server} 应答正常，用时 {took:.1f} 秒，本机在中心的名称是 {agent}。",
        f"{server} answers in {took:.1f} s and knows this agent as {agent}.",
    )
    parts = urlsplit(server)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        mend = Text(
            "请总行科技给服务器启用 https，再换成 https 地址。",
            "Have head office turn https on at the server, then set the address up anew.",
        )
        open_line = Text(f"{said.zh}但线路没有加密。", f"{said.en} The line is not encrypted.")
        return [Finding(noun=NOUN, word=Word.HEED, said=open_line, mend=mend, facts=facts)]
    return [Finding(noun=NOUN, word=Word.WELL, said=said, facts=facts)]


def _trouble(server: str, trouble: LinkError) -> Finding:
    mend = next(mend for kind, mend in _MENDS.items() if isinstance(trouble, kind))
    said = Text(f"连不上 {server}：{trouble.sentence}", trouble.sentence)
    return Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend, facts={"server": server})


_KEPT_OUT = {
    "quarantine": "已被隔离，有两个程序在用同一身份（电脑、硬盘或密钥被复制）。",
    "waiting": "等待总行确认这台电脑接替原来的电脑。",
    "revoked": "身份已被总行吊销。",
    "replaced": "总行已确认由另一台电脑接替。",
    "removed": "配置清单中已没有这个采集程序。",
    "unknown": "服务器不认识本机的密钥。",
}

_MENDS: dict[type[LinkError], Text] = {
    Away: Text(
        "先看网线和路由器的灯是否正常，再试同一台电脑上别的内网业务；别的业务也不通就报线路故障，"
        "别的业务正常就打电话给总行科技。断线期间记录保存在本机，不会丢。",
        "Look at the network cable and the router's lights, then try another program of the bank. If that fails too, "
        "report the line; if it works, call head office. Nothing is lost meanwhile: records are kept on this PC.",
    ),
    Rejected: Text(
        "请总行科技在采集程序页面查看本机身份：是否待确认、被吊销或已隔离；需要时发新的登记码，重新登记。",
        "Have head office look at this agent: waiting, revoked or in quarantine; if need be enrol it anew.",
    ),
    Elsewhere: Text(
        "这个地址上的不是本系统的服务器：核对服务器地址，再看是否要先在网页上登录上网（认证网关）。",
        "Something else answers there: compare the address, and see whether a web page wants a log-on first.",
    ),
    LinkError: Text("请把这句话读给总行科技。", "Read this sentence to head office."),
}
