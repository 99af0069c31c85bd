"""What a server needs of hosts that post: the document they sign, and the script they run."""

from drivers.errors import DeviceError as DeviceError
from drivers.errors import Reason as Reason
from drivers.host.document import Document as Document
from drivers.host.document import claimed as claimed
from drivers.host.document import opened as opened
from drivers.host.document import sheets as sheets
from drivers.host.document import written as written
from drivers.host.handout import System as System
from drivers.host.handout import cron_line as cron_line
from drivers.host.handout import ready as ready
from drivers.host.handout import task_line as task_line
