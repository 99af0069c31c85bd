"""What of a PC can be reached, by the kernel's own tables and the files of what shares."""

import socket
from pathlib import Path

import pytest

from agent.facts.firewall import firewall
from agent.facts.network import network, sockets
from agent.facts.sheet import NotRead
from tests.agent.facts.conftest import Tree

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(local: str, remote: str = "00000000:0000", state: str = "0A") -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"


TABLES = {
    "proc/net/tcp": HEAD
    + row("0100007F:0CEA")  # of the PC alone
    + row("00000000:01BD")
    + row("0501420A:0016")
    + row("0501420A:C350", "0601420A:01BD", "01"),  # a connection
    "proc/net/tcp6": HEAD
    + row("00000000000000000000000001000000:0050", "0" * 32 + ":0000")  # ::1
    + row("0000000000000000FFFF00000100007F:0051", "0" * 32 + ":0000")  # ::ffff:127.0.0.1
    + row("0" * 32 + ":0016", "0" * 32 + ":0000"),
    "proc/net/udp": HEAD + row("00000000:0089", state="07") + row("00000000:9C40", state="07"),
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
}


def test_what_listens_on_more_than_the_pc_itself_is_told(tree: Tree) -> None:
    facts = network(tree(TABLES)).facts
    assert (facts["ports.tcp"], facts["ports.udp"]) == (["22", "445"], ["137"])
    assert facts["listening"] == ["tcp 10.66.1.5:22", "tcp [::]:22", "tcp 0.0.0.0:445", "udp 0.0.0.0:137"]


def test_a_port_that_is_opened_here_is_seen_and_gone_when_it_is_closed() -> None:
    with socket.socket() as opened:
        opened.bind(("0.0.0.0", 0))
        opened.listen()
        port = opened.getsockname()[1]
        assert port in {one for _, _, one in sockets(Path("/"), "tcp")}
    assert port not in {one for _, _, one in sockets(Path("/"), "tcp")}


def test_a_table_nobody_can_read_takes_only_its_own_facts(tree: Tree) -> None:
    sheet = network(tree(TABLES | {"proc/net/udp": HEAD + "  0: \x1b[2J nonsense\n"}))
    assert sheet.facts["ports.tcp"] == ["22", "445"]
    assert (sheet.unread["ports.udp"], sheet.unread["listening"]) == ("unreadable", "unreadable")


def test_shares_are_those_samba_and_nfs_are_told(tree: Tree) -> None:
    smb = "[global]\n  server min protocol = NT1\n; [no]\n[printers]\n path=/x\n[Scans]\n path = /srv/scans\n"
    root = tree({"etc/samba/smb.conf": smb, "etc/exports": "/srv/data 10.0.0.0/8(ro)\n# /no\n"} | TABLES)
    facts = network(root).facts
    assert facts["shares"] == ["smb scans", "nfs /srv/data"]
    assert facts["smb1.server"] is True


def test_a_pc_without_samba_shares_nothing_and_speaks_no_smb1(tree: Tree) -> None:
    facts = network(tree(TABLES)).facts
    assert (facts["shares"], facts["smb1.server"]) == ([], False)


@pytest.mark.parametrize(
    ("smb", "why"),
    [("[global]\nworkgroup = A\n", "absent"), ("[global]\ninclude = /etc/samba/more.conf\n", "unreadable")],
)
def test_what_samba_does_untold_is_not_known(tree: Tree, smb: str, why: str) -> None:
    sheet = network(tree(TABLES | {"etc/samba/smb.conf": smb}))
    assert "smb1.server" not in sheet.facts
    assert sheet.unread["smb1.server"] == why


def nft(rules: str, code: int = 0) -> dict[str, str]:
    return {"usr/sbin/nft": f"#!/bin/sh\ncat <<'END'\n{rules}\nEND\nexit {code}\n"}


INPUT = '{"chain": {"family": "inet", "table": "f", "name": "in", "hook": "input", "policy": "%s"}}'


def test_a_policy_that_drops_or_a_rule_that_does_is_a_firewall(tree: Tree) -> None:
    assert firewall(tree(nft(f'{{"nftables": [{INPUT % "drop"}]}}')))["firewall.on"] is True
    dropped = '{"rule": {"family": "inet", "table": "f", "chain": "more", "expr": [{"reject": null}]}}'
    leads = '{"rule": {"family": "inet", "table": "f", "chain": "in", "expr": [{"jump": {"target": "more"}}]}}'
    assert firewall(tree(nft(f'{{"nftables": [{INPUT % "accept"}, {leads}, {dropped}]}}')))["firewall.on"] is True
    # Docker's rules for what it passes on stand in the table of what comes in
    assert firewall(tree(nft(f'{{"nftables": [{INPUT % "accept"}, {dropped}]}}')))["firewall.on"] is False
    taken = '{"rule": {"family": "inet", "table": "f", "chain": "in", "expr": [{"accept": null}]}}'
    told = firewall(tree(nft(f'{{"nftables": [{INPUT % "accept"}, {taken}]}}')))
    assert told == {"firewall.on": False, "firewall.kind": "nftables"}


def test_iptables_is_asked_where_nft_knows_nothing(tree: Tree) -> None:
    tables = {"usr/sbin/iptables": "#!/bin/sh\necho '-P INPUT DROP'\n"}
    told = firewall(tree(nft('{"nftables": []}') | tables))
    assert told == {"firewall.on": True, "firewall.kind": "iptables"}


def test_a_firewall_that_tells_root_alone_is_a_matter_of_rights(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    sheet = network(tree(TABLES | nft("", code=1)))
    assert sheet.unread["firewall."] == "rights"
    assert "firewall.on" not in sheet.facts


@pytest.mark.parametrize("said", ["[" * 100_000, '{"nftables": 7}', '{"nftables": [{"chain": 1}]}', "\x1b]0;x\x07"])
def test_rules_nobody_can_read_are_no_firewall_that_is_off(tree: Tree, said: str) -> None:
    with pytest.raises(NotRead) as error:
        firewall(tree(nft(said)))
    assert error.value.why == "unreadable"
