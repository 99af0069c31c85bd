"""Which positions are hosts, that say of themselves what an agent says of its own PC."""

from drivers.registry import BUILT_IN
from drivers.registry import SNMP as SNMP
from drivers.registry import SNMP_HOST as SNMP_HOST
from drivers.registry import SNMP_HOSTS as SNMP_HOSTS
from drivers.registry import TELL_FACTS as TELL_FACTS

TELL_NOTHING = frozenset(BUILT_IN) - TELL_FACTS  # of themselves; what a third party's driver tells nobody knows before
