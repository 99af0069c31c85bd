"""The way to the server: set up at all, answers, lets this agent in, and by what certificate."""

from urllib.parse import urlsplit

from agent.doctor.finding import Finding, Text, Word, span
from agent.doctor.patient import Answer, Patient
from agent.exit import Exit, Trouble
from agent.proof import LOOPBACK
from agent.status import Trouble as Heard

NOUN = Text("服务器", "server")
RECENT = 120_000_000  # µs; a running agent speaks once a minute, so what it heard last is what holds


_ENROL = Text(
    "打电话给总行科技要服务器地址和登记码，再运行 branchfleet-agent enroll。",
    "Ask head office for the server's address and a code, and run branchfleet-agent enroll.",
)


_MEND_SETTING = Text(
    "按这句话改对文件；改不了就打电话给总行科技，读出这一行。身份文件坏了，就用新的登记码重新登记。",
    "Mend the file as the sentence says, or call head office. A damaged identity is mended by enrolling anew.",
)


def look(patient: Patient) -> list[Finding]:
    if patient.settings is None:
        return [_unset(patient.unset)]
    answer, server = patient.answer, patient.settings.server
    if answer is None:
        why = patient.unproved
        said = Text(f"没有询问服务器：{why.zh if why else ''}", why.sentence if why else "")
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=_NO_CA, facts={"server": server})]
    if answer.trouble is not None:
        trouble, kind = answer.trouble, type(answer.trouble).__name__
        return [_wrong(server, Text(f"连不上：{trouble.zh}", trouble.sentence), kind)]
    if patient.live is not None and (heard := patient.live.trouble) is not None:
        return [_unheard(server, answer, heard, patient.live.kept_out)]
    if patient.settings.identity.waiting:
        said = Text(
            f"{server} 有应答；本机待确认：{_KEPT_OUT['waiting']}", f"{server} answers; this agent has to be confirmed."
        )
        return [Finding(noun=NOUN, word=Word.WRONG, said=said, mend=_MENDS["Rejected"], facts={"server": server})]
    took, agent = answer.took / 1_000_000, patient.settings.identity.agent
    facts = {"server": server, "agent": agent, "took_ms": round(took * 1000)}
    let_in = patient.live.answered if patient.live is not None else 0
    since = patient.now.wall - let_in
    known = patient.running and since <= RECENT
    said = _let_in(server, took, agent, since) if known else _answers(server, took, since if let_in else None)
    parts = urlsplit(server)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        mend = Text(
            "请总行科技给服务器启用 https，再换成 https 地址。",
            "Have head office turn https on at the server, then set the address up anew.",
        )
        open_line = Text(f"{said.zh}但线路没有加密。", f"{said.en} The line is not encrypted.")
        return [Finding(noun=NOUN, word=Word.HEED, said=open_line, mend=mend, facts=facts)]
    if known:
        return [Finding(noun=NOUN, word=Word.WELL, said=said, facts=facts)]
    return [Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=_NEXT if patient.running else _START, facts=facts)]


def _unheard(server: str, answer: Answer, heard: Heard, kept_out: str) -> Finding:
    """It answers here and now; what the running agent heard when it asked last is told as of then."""
    before = _before(heard.at, answer.asked)
    if kept_out:
        why = _KEPT_OUT.get(kept_out, heard.zh)
        said = Text(
            f"{server} 有应答，但{before.zh}不接受本机采集程序：{why}总行处理后，采集程序在 5 分钟内再试。",
            f"{server} answers, but did not let this agent in {before.en}: {heard.en} "
            "After head office has dealt with it, the agent tries again within 5 minutes.",
        )
        return _wrong(server, said, heard.kind)
    if heard.kind not in _UNANSWERED:
        said = Text(
            f"{server} 有应答，但{before.zh}本机采集程序连不上：{heard.zh}",
            f"{server} answers, but not this agent {before.en}: {heard.en}",
        )
        return _wrong(server, said, heard.kind)
    took = answer.took / 1_000_000
    said = Text(
        f"{server} 现在有应答，用时 {took:.1f} 秒；{before.zh}采集程序还没连上，它会很快再试。",
        f"{server} answers now, in {took:.1f} s; the agent had not reached it {before.en}, and soon tries again.",
    )
    facts = {"server": server, "kind": heard.kind, "took_ms": round(took * 1000)}
    return Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=_AGAIN, facts=facts)


def _before(at: int, now: int) -> Text:
    if not at:  # told by an agent older than this command
        return Text("刚才", "just now")
    ago = span(max(now - at, 0))
    return Text(f"{ago.zh}前", f"{ago.en} ago")


def _let_in(server: str, took: float, agent: str, since: int) -> Text:
    ago = span(max(since, 0))
    return Text(
        f"{server} 应答正常，用时 {took:.1f} 秒，{ago.zh}前接受过本机，本机在中心的名称是 {agent}。",
        f"{server} answers in {took:.1f} s, let this agent in {ago.en} ago and knows it as {agent}.",
    )


def _answers(server: str, took: float, since: int | None) -> Text:
    """A challenge is given to anybody: only the running agent's own contact shows whether it is let in."""
    zh, en = f"{server} 有应答，用时 {took:.1f} 秒", f"{server} answers in {took:.1f} s"
    if since is not None:
        ago = span(max(since, 0))
        zh, en = f"{zh}，{ago.zh}前接受过本机", f"{en} and let this agent in {ago.en} ago"
    return Text(
        f"{zh}；现在是否接受本机，要等采集程序下次联系，看不到。",
        f"{en}; whether it does now shows at the agent's next contact.",
    )


def _unset(why: Trouble | None) -> Finding:
    said = Text(f"采集程序还没有设置好：{why.zh if why else ''}", why.sentence if why else "")
    mend = _ENROL if why is None or why.code is Exit.NOT_SET_UP else _MEND_SETTING
    return Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend)


_UNANSWERED = ("Away", "NoSuchName", "NotServing")  # kinds of trouble that an answer shows to be over
_AGAIN = Text(
    "一分钟后再查。如果还是这样，就是线路太慢或时断时续：报线路故障，并把这一行读给总行科技。",
    "Look again after a minute. If it is still so, the line is too slow or comes and goes: report it, and read this "
    "line to head office.",
)
_NEXT = Text(
    "要马上知道，请总行科技在采集程序页面查看本机。",
    "To know it at once, have head office look at this agent on its screen.",
)
_START = Text("启动采集程序，一分钟后再查。", "Start the agent, and look again after a minute.")
_KEPT_OUT = {
    "quarantine": "已被隔离，有两个程序在用同一身份（电脑、硬盘或密钥被复制）。",
    "waiting": "等待总行确认这台电脑接替原来的电脑。",
    "revoked": "身份已被总行吊销。",
    "replaced": "总行已确认由另一台电脑接替。",
    "removed": "配置清单中已没有这个采集程序。",
    "unknown": "服务器不认识本机的密钥。",
}


def _wrong(server: str, said: Text, kind: str) -> Finding:
    mend = _MENDS.get(kind, _MENDS["LinkError"])
    return Finding(noun=NOUN, word=Word.WRONG, said=said, mend=mend, facts={"server": server, "kind": kind})


_NO_CA = Text(
    "证书文件丢了或坏了，本机认不出服务器：打电话给总行科技要新的登记码，再运行 branchfleet-agent enroll。记录不会丢。",
    "Without that file this PC cannot know its server: ask head office for a code and run branchfleet-agent enroll.",
)
_MENDS: dict[str, Text] = {
    "Away": Text(
        "先看网线和路由器的灯是否正常，再试同一台电脑上别的内网业务；别的业务也不通就报线路故障，"
        "别的业务正常就打电话给总行科技。断线期间记录保存在本机，不会丢。",
        "Look at the network cable and the router's lights, then try another program of the bank. If that fails too, "
        "report the line; if it works, call head office. Nothing is lost meanwhile: records are kept on this PC.",
    ),
    "NoSuchName": Text(
        "核对服务器地址有没有写错；没写错就是域名解析（DNS）不通：请总行科技改用 IP 地址，或报网络故障。",
        "Compare the address. If it is right, names are not resolved here: have head office give its IP address.",
    ),
    "NotServing": Text(
        "线路是通的，服务器程序没有运行，或端口写错：打电话给总行科技，请他们启动服务器。记录保存在本机，不会丢。",
        "The line stands; the server does not run, or the port is wrong: call head office to have it started. "
        "Records are kept on this PC.",
    ),
    "Unable": Text(
        "线路是通的，服务器现在不能接收，磁盘可能已满：打电话给总行科技，读出这一行。记录保存在本机，不会丢。",
        "The line stands; the server can take nothing now, its disk may be full: call head office. "
        "Records are kept on this PC.",
    ),
    "Rejected": Text(
        "请总行科技在采集程序页面查看本机身份：是否待确认、被吊销或已隔离；需要时发新的登记码，重新登记。",
        "Have head office look at this agent: waiting, revoked or in quarantine; if need be enrol it anew.",
    ),
    "Elsewhere": Text(
        "这个地址上的不是本系统的服务器：核对服务器地址，再看是否要先在网页上登录上网（认证网关）。",
        "Something else answers there: compare the address, and see whether a web page wants a log-on first.",
    ),
    "Untrusted": Text(
        "问总行科技：服务器是否重装过、换过证书（CA）？换过，就请他们放回原来的 tls 文件夹，或要新的登记码重新登记；"
        "没换过，就是别的机器在冒充，或上网要先在网页登录，请他们查。本机没有向它发送任何内容。",
        "Ask head office whether the server's CA was changed. If so, they put the folder tls back, or this PC enrols "
        "anew with a new code. If not, something else stands in the server's place; nothing was sent to it.",
    ),
    "Misnamed": Text(
        "本机用的地址不在服务器证书上：请总行科技核对地址，或把它写进服务器 server.toml 的 names 后重启服务器。",
        "The certificate does not name the address this PC uses: have head office compare it, or add it to names in "
        "server.toml and start the server anew.",
    ),
    "Ended": Text(
        "请总行科技查看服务器：证书到期后由服务器自己更新，看服务器的时钟对不对，再重启服务器。",
        "Have head office look at the server: it renews its certificate by itself, so see whether its clock is right, "
        "and start it anew.",
    ),
    "OtherScheme": Text(
        "服务器地址的开头写错了（http 和 https）：请总行科技告诉正确的地址，改 agent.toml 的 server，或重新登记。",
        "The address begins wrongly (http or https): mend server in agent.toml, or enrol anew with the right one.",
    ),
    "LinkError": Text("请把这句话读给总行科技。", "Read this sentence to head office."),
}
