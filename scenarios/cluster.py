"""Many machines: the workers of a Dask scheduler as a team that does runs.

Dask carries pickled code without asking who sends it: whoever reaches a scheduler or a worker can run anything there.
So an address must be of this machine (a tunnel ends here too) or encrypted, with certificates of both sides.
"""

from collections.abc import Callable
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from scenarios.extras import extra
from scenarios.sweep import Hire

RETRIES = 2  # of a run whose result was lost on the way; a killed worker's run goes to another one anyway
_PATIENCE = "10s"  # for a scheduler that does not answer


class ClusterError(Exception):
    """A cluster that cannot be used, as a sentence with the remedy."""


def cluster(address: str, *, trust_network: bool = False) -> Hire:
    """Workers of the scheduler at `address` (`tcp://127.0.0.1:8786`, or `tls://HOST:8786`).

    Raises ClusterError for an address that is neither of this machine nor encrypted, unless `trust_network`; what is
    hired raises it if no scheduler answers there, or if it has no workers, and ExtraMissingError without Dask.
    """
    _check(address, trust_network)
    return lambda tasks: Workers(address)


class Workers:
    """All workers of a scheduler; more may join meanwhile, and what a lost one did is done again by another.

    Only the scheduler need be reachable from here, and no disk need be shared.
    """

    def __init__(self, address: str) -> None:
        with extra("cluster", "a cluster"):
            from distributed import Client, Security
        try:
            if address.startswith("tls:") and not Security().get_connection_args("client").get("ssl_context"):
                raise ClusterError(
                    f"{address} needs certificates, and Dask's configuration names none; set "
                    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
                    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
                )
            self._client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as fault:
            raise ClusterError(
                f"no scheduler answers at {address} ({fault}); start one there, or correct the address."
            ) from None
        if not self._client.nthreads():
            self._client.close()
            raise ClusterError(
                f"the scheduler at {address} has no workers; start one: `dask worker {address} --nthreads 1`."
            )
        self._team = self._client.get_executor(retries=RETRIES, pure=False)

    @property
    def places(self) -> int:
        """One a thread of a worker, and one while none is there."""
        threads: int = sum(self._client.nthreads().values())
        return max(1, threads)

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        future: Future[Any] = self._team.submit(work, *arguments)
        return future

    def dismiss(self, *, working: bool) -> None:
        self._team.shutdown(wait=not working)
        self._client.close()


def _check(address: str, trust_network: bool) -> None:
    scheme, host, port = _parts(address)
    if scheme not in ("tcp", "tls") or not host or not port:
        raise ClusterError(f"“{address}” is no address of a scheduler; write it as tcp://127.0.0.1:8786.")
    if scheme == "tcp" and not _is_here(host) and not trust_network:
        raise ClusterError(
            f"{address} is another machine, and tcp is neither encrypted nor asks who sends: whoever reaches it can "
            "run anything there. Use tls://, or a tunnel that ends at 127.0.0.1, or say that the network is trusted "
            "(--trust-network)."
        )


def _parts(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:  # a port that is no number
        return "", None, None


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
