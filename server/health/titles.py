"""Conditions in words: "2号钞箱 钞少", "Cassette 2: low", and the fix card that goes with it.

Names come from the catalogue and the rules' own words, so a new part or rule needs no code. What a device says is data:
an unknown word is shown as it came.
"""

from agent.wire import Number, catalogue
from server.health.rules import UNREADABLE, Rules, shipped
from server.schemas.tickets import Fault

_FAULTS = {
    "power": Fault.POWER,
    "battery": Fault.POWER,
    "service": Fault.SOFTWARE,
    "queue": Fault.SOFTWARE,
    "port": Fault.NETWORK,
}


def reason_title(reason: str, lang: str) -> str:
    """Why a poll gave no reading, in one sentence's worth."""
    text = shipped().reason.get(reason)
    return text.of(lang) if text else reason


def number_of(key: str) -> Number | None:
    """The number of that key, if it is one: "battery.charge" is, though "battery" is a part."""
    return None if key in catalogue().part else catalogue().find_number(key)


def part_title(key: str, lang: str) -> str:
    """ "cassette.2" -> "2号钞箱", "Cassette 2"; "port.eth0" -> "端口 eth0"."""
    found = catalogue().find_title(key)
    if found is None:
        return key
    known, instance = found
    if lang == "en":
        return f"{known.en} {instance}".rstrip()
    return f"{instance}号{known.zh}" if instance.isdecimal() else f"{known.zh} {instance}".rstrip()


def word_title(part: str, word: str, lang: str) -> str:
    """How `part` ("" for the device) being `word` is said."""
    words = catalogue()
    entry = words.find_part(part) if part else None
    known = (entry.words if entry else words.device).get(word)
    if known is None:
        return word
    return known.en if lang == "en" else known.zh


def condition_title(rule: str, part: str, word: str, lang: str, rules: Rules | None = None) -> str:
    """The condition's title in one short line."""
    known = rules.by_key.get(rule) if rules is not None else None
    text = shipped().text.get(f"{rule}.{word}") or shipped().text.get(rule)
    name = (known.name if known else "") or (text.of(lang) if text else "")
    number = number_of(part)
    if number is not None:
        what = name or part_title(part, lang)
        return f"{what} {word} {number.unit}".rstrip()
    if rule == UNREADABLE:
        return f"{name}：{reason_title(word, lang)}" if lang != "en" else f"{name}: {reason_title(word, lang)}"
    if name:
        return name
    if not part:
        return word_title("", word, lang)
    joint = ": " if lang == "en" else " "
    return f"{part_title(part, lang)}{joint}{word_title(part, word, lang)}"


def cause_title(cause: str, lang: str) -> str:
    text = shipped().cause.get(cause)
    return text.of(lang) if text else cause


def fix_card(rule: str, part: str, word: str, cls: str, lang: str, cause: str = "") -> list[str]:
    """Up to three steps a teller can do; the most particular card wins."""
    family = part if part in catalogue().part else part.rpartition(".")[0]
    best: tuple[int, list[str]] = (0, [])
    for fix in shipped().fix:
        device = word if not part else ""
        wanted = ((fix.rule, rule), (fix.part, family), (fix.word, word), (fix.device, device), (fix.cause, cause))
        if any(want and want != is_ for want, is_ in wanted) or (fix.classes and cls not in fix.classes):
            continue
        weight = sum(bool(want) for want, _ in wanted) + 2 * bool(fix.rule) + bool(fix.classes)
        if weight > best[0]:
            best = (weight, fix.of(lang))
    return best[1][:3]


def fault_class(rule: str, part: str, word: str) -> Fault:
    """The class of a ticket that this condition opens."""
    text = shipped().text.get(rule)
    if text is not None and text.fault is not None:
        return text.fault
    family = part if part in catalogue().part else part.rpartition(".")[0]
    if family:
        return _FAULTS.get(family, Fault.HARDWARE)
    return Fault.POWER if word == "powerOff" else Fault.HARDWARE
