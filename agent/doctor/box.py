"""The box where people's consoles leave what they entered: is there anything in it the agent could not take?"""

from agent.doctor.finding import Finding, Text, Word
from agent.doctor.patient import Patient
from agent.local.folder import ASIDE, BOX

NOUN = Text("登记箱", "box")


def look(patient: Patient) -> list[Finding]:
    """Nothing where nothing lies aside, and where nobody could say."""
    aside = patient.live.aside if patient.live is not None else None
    if aside is None or patient.settings is None or not (aside.kept or aside.stuck):
        return []
    folder = patient.settings.local_folder
    facts = {"kept": aside.kept, "removed": aside.removed, "stuck": aside.stuck}
    zh = f"有 {aside.kept} 份不是登记的内容放在 {folder / ASIDE}"
    en = f"{aside.kept} things left there are no entries and lie in {folder / ASIDE}"
    if aside.removed:
        zh, en = f"{zh}，更早的 {aside.removed} 份已删除", f"{en}; {aside.removed} older ones were removed"
    if aside.stuck:
        zh, en = f"{zh}，另有 {aside.stuck} 份移不出 {folder / BOX}", f"{en}; {aside.stuck} stay in {folder / BOX}"
    mend = Text(
        "看旁边 .why 文件里的原因，把漏报的重新登记一次；看过以后可以删除。移不出的请管理员删除。",
        "Read the reason in the .why beside each and enter anew what is missing; then remove them. What stays in the "
        "box an administrator removes.",
    )
    return [Finding(noun=NOUN, word=Word.HEED, said=Text(f"{zh}。", f"{en}."), mend=mend, facts=facts)]
