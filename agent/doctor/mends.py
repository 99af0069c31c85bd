"""Why a device gives no reading, and what a person does about it: by the reasons of drivers/errors.py."""

from typing import NamedTuple

from agent.doctor.finding import Text


class Mend(NamedTuple):
    what: Text
    step: Text


AGAIN = Text("确认采集程序在运行，等一个采集周期再查。", "See that the agent runs, and look again after one interval.")
MAKE_ROOM = Text(
    "先不要关机或重启：没写下的记录还在内存里。清空回收站，删掉临时文件、旧安装包和不用的大文件；腾出空间后采集程序会自己接着写。"
    "不知道能删什么就打电话给总行科技。",
    "Do not switch the PC off: news waits in memory. Empty the recycle bin and remove temporary files and old "
    "installers; the agent goes on by itself once there is room. Else call head office.",
)
_CALL = "打电话给总行科技，读出这一行。"
_CALL_EN = "Call head office and read this line out."

_POWER = Text(
    "看设备电源灯亮不亮、线插紧没有；关机等 10 秒再开；还不行就报修。",
    "See that it has power and its cable sits tight; switch it off for 10 seconds and on again; then report it.",
)
_SETTINGS = Text(f"台账里的设置不对：{_CALL}", f"The inventory is wrong here. {_CALL_EN}")
_NETWORK = Text(
    "看设备的网线和交换机的灯；同一网段别的设备也不通，就报线路故障。",
    "Look at its network cable and the switch's lights; if others there are silent too, report the line.",
)
_RIGHTS = Text(
    "给运行采集程序的用户加上串口权限（Linux：usermod -aG dialout branchfleet，再重启服务）。",
    "Give the agent's user the right to the port (Linux: usermod -aG dialout branchfleet, then restart the service).",
)
_SECRET = Text(
    "设备的口令或团体名改过：请总行科技用 branchfleet-server secret set 重新登记。",
    "Its password or community was changed: head office sets it anew with branchfleet-server secret set.",
)
_OTHER = Mend(Text("没有读数", "no reading"), Text(_CALL, _CALL_EN))

_MENDS: dict[str, Mend] = {
    "noAnswer": Mend(Text("设备没有应答", "it does not answer"), _POWER),
    "hungUp": Mend(Text("设备中断了通讯", "it hung up"), _POWER),
    "notReset": Mend(
        Text("读卡器在等复位", "the reader waits for its reset"),
        Text(
            "由业务程序复位读卡器，或关机再开。",
            "The teller's program resets it; or switch it off and on again.",
        ),
    ),
    "connectionRefused": Mend(
        Text("设备拒绝连接", "it refuses the connection"),
        Text("设备在，但服务没有开：重启设备，再不行报修。", "It is there and its service is not: restart it."),
    ),
    "connectTimeout": Mend(
        Text("连接超时", "the connection timed out"),
        Text(
            "看主机是否开机、网线和交换机的灯；开着也连不上，请总行科技查防火墙和 SSH 服务。",
            "See that the host is on and its network light lit; if so, head office looks at firewall and SSH service.",
        ),
    ),
    "noRoute": Mend(Text("网络不通", "there is no way to it"), _NETWORK),
    "nameUnknown": Mend(Text("名称查不到", "its name is not known"), _SETTINGS),
    "noSuchPort": Mend(
        Text("没有这个串口", "there is no such port"),
        Text(
            "USB 转串口线松了：拔下等 5 秒再插回原来的口；设备管理器里端口号变了就告诉总行科技。",
            "A USB adapter came loose: pull it, wait 5 seconds, put it back where it was. A port that has another "
            "number now is told to head office.",
        ),
    ),
    "cannotOpen": Mend(
        Text("系统打不开这个串口", "the system does not open the port"),
        Text(
            "拔下 USB 转串口线等 5 秒再插回；还不行就重启电脑。",
            "Pull the USB adapter, wait 5 seconds and put it back; else restart the PC.",
        ),
    ),
    "noService": Mend(
        Text("本机的服务没有运行", "a service of this PC does not run"),
        Text(
            "启动智能卡服务（Windows：Smart Card；Linux：pcscd）或重启电脑。",
            "Start the smart card service (Windows: Smart Card; Linux: pcscd), or restart the PC.",
        ),
    ),
    "ambiguous": Mend(Text("地址对应好几台设备", "its address means several"), _SETTINGS),
    "noPermission": Mend(Text("没有权限", "this user has no right to it"), _RIGHTS),
    "portInUse": Mend(
        Text("业务程序占用", "another program holds the port"),
        Text("不用处理：业务程序退出后会自动再查。", "Nothing to do: it is polled when that program lets it go."),
    ),
    "ownerUnknown": Mend(
        Text("不知道串口是不是业务程序在用，没有发送", "it cannot be known whether a program uses the port"),
        Text(
            "让采集程序以服务方式运行：branchfleet-agent service install 装的服务带有所需权限。",
            "Run the agent as the service that branchfleet-agent service install makes: it has the rights to look.",
        ),
    ),
    "wrongSecret": Mend(Text("口令不对", "the password is wrong"), _SECRET),
    "untrusted": Mend(Text("设备的证书不可信", "its certificate is not trusted"), Text(_CALL, _CALL_EN)),
    "hostKeyUnconfirmed": Mend(
        Text("主机指纹未确认", "nobody confirmed its host key"),
        Text(
            "在主机本机上运行 ssh-keygen -lf，与提示的指纹逐字比对，一致才写进台账 host_key。",
            "Run ssh-keygen -lf on the host itself; only if it shows the same, head office writes it as host_key.",
        ),
    ),
    "hostKeyChanged": Mend(
        Text("主机指纹变化，没有登录", "its host key changed; nobody logged in"),
        Text(
            "不要改设置：先问主机有没有重装或更换；没有人动过，断开它的网线，报安全负责人。",
            "Change no setting: ask whether it was set up anew. If nobody did, unplug its network cable and tell who "
            "answers for security.",
        ),
    ),
    "loginRefused": Mend(
        Text("认证失败", "it does not let us in"),
        Text(
            "请总行科技核对用户名，并把公钥加进主机上该用户的 authorized_keys。",
            "Head office checks the user's name, and that its public key stands in that user's authorized_keys.",
        ),
    ),
    "notPosted": Mend(
        Text("主机还没有上报，或很久没有上报", "the host posted nothing yet, or nothing for long"),
        Text(
            "看主机是否开机、计划任务是否还在；在主机上手工运行一次上报脚本，看它说什么。",
            "See whether the host is on and its task is still there; run its script by hand and read what it says.",
        ),
    ),
    "unknownScript": Mend(
        Text("主机的上报脚本不是认得的版本", "the host posts by a script of no known release"),
        Text(
            "请总行科技用 branchfleet-server host-script 重新生成脚本，换下主机上的那一个。",
            "Head office writes the script anew with branchfleet-server host-script; put it in place of the host's.",
        ),
    ),
    "runTimeout": Mend(
        Text("执行超时", "what it runs does not end"),
        Text(
            "主机可能很忙或磁盘有故障：登录看一看，下个周期会再查。",
            "The host may be busy, or a disk of it hang: look at it; it is asked again in the next interval.",
        ),
    ),
    "unreadableOutput": Mend(
        Text("输出无法解析", "its output cannot be read"),
        Text(
            f"看这个用户能否运行 /bin/sh，登录时有没有大量输出：{_CALL}",
            f"See that this user may run /bin/sh, and what a login of it prints. {_CALL_EN}",
        ),
    ),
    "crowded": Mend(Text("同时核查的主机太多，没有轮到", "too many hosts were being read"), AGAIN),
    "wrongEmulation": Mend(Text("仿真方式不对", "its emulation is another"), _SETTINGS),
    "negativeAnswer": Mend(Text("设备拒绝回答", "it answered no"), _OTHER.step),
    "badFrame": Mend(Text("应答看不懂", "its answer cannot be read"), _SETTINGS),
    "badChecksum": Mend(
        Text("应答校验不对", "its checksum is wrong"),
        Text("换一根串口线，线离电源线远一点。", "Change the serial cable and lead it away from power cables."),
    ),
    "tooLong": Mend(Text("应答太长", "its answer is too long"), _SETTINGS),
    "notInDevice": Mend(Text("设备没有这些数据", "it does not have what is asked"), _SETTINGS),
    "noFile": Mend(
        Text("没有数据文件", "there is no such file"),
        Text("看放文件的系统今天导出了没有。", "See whether the system that drops the file did so today."),
    ),
    "noRow": Mend(Text("文件里没有这台设备", "the file has no row of it"), _SETTINGS),
    "notInstalled": Mend(
        Text("缺少软件包", "a package is missing"),
        Text(f"按提示安装所缺的包：{_CALL}", f"Install what the line names. {_CALL_EN}"),
    ),
    "noDriver": Mend(
        Text("没有这个驱动", "there is no such driver"),
        Text(f"采集程序版本太旧，或驱动名写错：{_CALL}", f"The agent is too old, or the name is wrong. {_CALL_EN}"),
    ),
    "badOptions": Mend(Text("地址或选项不对", "its address or options are wrong"), _SETTINGS),
    "driverFailed": Mend(
        Text("驱动程序出错", "the driver has a defect"),
        Text(
            f"把 log 文件夹里的 agent.jsonl 发给总行科技。{_CALL}",
            f"Send agent.jsonl of the log folder to head office. {_CALL_EN}",
        ),
    ),
}


def mend_of(reason: str) -> Mend:
    return _MENDS.get(reason, _OTHER)


def known() -> set[str]:
    return set(_MENDS)
