"""Every deed there is, with its title in Chinese and English. A deed that is not here is not written: a test looks."""

from typing import Final

DEEDS: Final[dict[str, tuple[str, str]]] = {
    "server.init": ("初始化服务器", "Server set up"),
    "server.restore": ("从备份恢复", "Restored from a backup"),
    "server.move": ("数据库迁移到 PostgreSQL", "Moved to PostgreSQL"),
    "server.ca": ("更换 CA", "CA changed"),
    "server.clock": ("确认服务器时间正确", "Machine's clock said to be right"),
    "metrics.token": ("发放监控令牌", "Metrics token issued"),
    "person.add": ("新增用户", "Person added"),
    "person.disable": ("停用用户", "Person disabled"),
    "person.reset": ("重置密码", "Password reset"),
    "person.password": ("修改密码", "Password changed"),
    "person.sign-in": ("登录", "Signed in"),
    "person.sign-in-failed": ("登录失败", "Sign-in failed"),
    "person.locked": ("账号锁定", "Account locked"),
    "person.sign-out": ("退出登录", "Signed out"),
    "agent.code": ("生成采集程序登记码", "Enrolment code made"),
    "agent.code-voided": ("登记码多次输错作废", "Enrolment code voided by wrong tries"),
    "agent.withdraw": ("撤回登记码或待确认密钥", "Enrolment code or waiting key withdrawn"),
    "agent.enroll": ("采集程序登记", "Agent enrolled"),
    "agent.confirm": ("确认采集程序更换电脑", "Agent's new PC confirmed"),
    "agent.revoke": ("吊销采集程序身份", "Agent revoked"),
    "agent.release": ("解除采集程序隔离", "Agent released from quarantine"),
    "agent.rotate": ("要求采集程序更换密钥", "Fresh key asked of an agent"),
    "agent.rotated": ("采集程序已更换密钥", "Agent made a fresh key"),
    "agent.quarantine": ("隔离采集程序：身份被复制", "Agent quarantined: two speak as it"),
    "secret.set": ("设置密钥", "Secret set"),
    "inventory.apply": ("应用配置清单", "Inventory applied"),
    "ledger.seed": ("台账初始登记", "Machines registered from the inventory"),
    "ledger.register": ("登记设备", "Machine registered"),
    "ledger.amend": ("变更台账", "Card amended"),
    "ledger.place": ("安装或更换设备", "Machine put in place"),
    "ledger.retire": ("设备报废", "Machine scrapped"),
    "ledger.reclass": ("设备类型代码变更", "Class of machines renamed"),
    "ledger.export": ("导出台账", "Ledger exported"),
    "ticket.open": ("新建报修单", "Ticket opened"),
    "ticket.join": ("并入报修单", "Condition joined a ticket"),
    "ticket.accept": ("受理报修单", "Ticket accepted"),
    "ticket.start": ("开始处理报修单", "Ticket started"),
    "ticket.finish": ("办结报修单", "Ticket finished"),
    "ticket.note": ("报修单备注", "Note on a ticket"),
    "push.make": ("下发指令", "Orders pushed to agents"),
    "push.cancel": ("取消下发", "Push cancelled"),
    "push.end": ("下发全部结束", "All orders of a push ended"),
    "push.amend": ("下发结束后又有结果", "Results came after a push had ended"),
    "campaign.begin": ("发起专项核查", "Campaign begun"),
    "campaign.tick": ("专项核查勾选答复", "Campaign's items answered"),
    "campaign.cancel": ("取消专项核查", "Campaign cancelled"),
    "campaign.end": ("专项核查结束", "Campaign ended"),
    "campaign.amend": ("专项核查结束后又有结果", "Results came after a campaign had ended"),
    "campaign.export": ("导出专项核查结果", "Campaign's result exported"),
    "entry.note": ("网点登记", "Note of a branch"),
}


def title_of(deed: str, lang: str) -> str:
    """The title of a deed; its own name where a newer server wrote it."""
    zh, en = DEEDS.get(deed, (deed, deed))
    return en if lang == "en" else zh
