"""The way to the server: set up at all, answers, lets this agent in, and by what certificate."""

from urllib.parse import urlsplit

from agent.doctor.finding import Finding, Text, Word
from agent.doctor.patient import Patient
from agent.link import Away, Elsewhere, LinkError, Rejected

NOUN = Text("服务器", "server")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def look(patient: Patient) -> list[Finding]:
    if patient.settings is None:
        why = patient.unset.sentence if patient.unset is not None else ""
        return [
            Finding(
                noun=NOUN,
                word=Word.WRONG,
                said=Text(f"采集程序还没有设置好：{why}", why),
                mend=Text(
                    "打电话给总行科技要服务器地址和接入凭证，再运行 branchfleet-agent setup。",
                    "Ask head office for the server's address and a token, and run branchfleet-agent setup.",
                ),
            )
        ]
    answer, server = patient.answer, patient.settings.server
    if answer is not None and answer.trouble is not None:
        return [_trouble(server, answer.trouble)]
    took = answer.took / 1_000_000 if answer is not None else 0.0
    agent = answer.assignment.agent if answer is not None and answer.assignment is not None else ""
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


_MENDS: dict[type[LinkError], Text] = {
    Away: Text(
        "先看网线和路由器的灯是否正常，再试同一台电脑上别的内网业务；别的业务也不通就报线路故障，"
        "别的业务正常就打电话给总行科技。断线期间记录保存在本机，不会丢。",
        "Look at the network cable and the router's lights, then try another program of the bank. If that fails too, "
        "report the line; if it works, call head office. Nothing is lost meanwhile: records are kept on this PC.",
    ),
    Rejected: Text(
        "请总行科技查看本机的接入凭证是否被吊销，需要时重新发放并重新设置。",
        "Ask head office whether this agent was revoked; if so it needs to be set up anew.",
    ),
    Elsewhere: Text(
        "这个地址上的不是本系统的服务器：核对服务器地址，再看是否要先在网页上登录上网（认证网关）。",
        "Something else answers there: compare the address, and see whether a web page wants a log-on first.",
    ),
    LinkError: Text("请把这句话读给总行科技。", "Read this sentence to head office."),
}
