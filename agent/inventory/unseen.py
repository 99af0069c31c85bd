"""Letters nobody sees: they join, part, turn or hide what stands around them, or are blank.

Two names that look alike differ by them, and a name can be shown backwards. A reader that refuses says so where they
are typed; what agents, devices and people said already is cleaned where it is kept and where it is shown. They are
Unicode's Default_Ignorable_Code_Point, line and paragraph separators, halves of pairs, and what else is drawn as
nothing. The wide space U+3000 is none of them: it stands in people's names. Nor is a variation selector behind what it
selects a form of: a rare ideograph of a name, or an emoji. A digit is neither: "1" with a selector looks like "1".
"""

import re

_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BLANK = "\u2028\u2029\u2800\ufff9-\ufffb\ud800-\udfff"  # U+2800 is Braille without a dot
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2100-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
UNSEEN = re.compile(
    f"[{_IGNORABLE}{_BLANK}](?<![{_IDEOGRAPH}][\ufe00-\ufe02\U000e0100-\U000e01ef])(?<![{_EMOJI}][\ufe0e\ufe0f])"
)
