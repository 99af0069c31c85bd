"""The figures of a load test as sentences."""

from collections.abc import Iterator

from server.loadtest.figures import Figures
from server.texts import Gettext


def of_load(made: Figures, machine: str, _: Gettext) -> Iterator[str]:
    yield _(
        "{agents} agents, {seconds} s, {database}: {observations} observations, each durable and counted once."
    ).format(agents=made.agents, seconds=made.seconds, database=made.database, observations=made.observations)
    yield _("A second: {values} values, {observations} observations, {requests} requests.").format(
        values=made.values_a_second, observations=made.observations_a_second, requests=made.requests_a_second
    )
    yield _("An answer took {median} ms; 99 of 100 took {p99} ms at most.").format(
        median=made.median_ms, p99=made.p99_ms
    )
    yield _("Health was {lag} s behind at most.").format(lag=made.lag_seconds)
    yield _("Sent twice: {repeated} observations. Put off for a while: {put_off} requests.").format(
        repeated=made.repeated, put_off=made.put_off
    )
    yield _(
        "For a million values: CPU of the server {server} s, of the load generator {generator} s; {size} MB on disk."
    ).format(
        server="?" if made.server_cpu_per_million is None else made.server_cpu_per_million,
        generator=made.generator_cpu_per_million,
        size="?" if made.disk_per_million is None else round(made.disk_per_million / 1e6, 1),
    )
    if made.database_cpu_per_million is not None and made.log_per_million is not None:
        yield _("And of PostgreSQL: CPU {cpu} s; {size} MB written ahead to its log.").format(
            cpu=made.database_cpu_per_million, size=round(made.log_per_million / 1e6, 1)
        )
    yield _("Measured on: {machine}.").format(machine=machine)
