"""Connects to the very addresses that egress has judged. Certificates are still checked against the host's name."""

from collections.abc import Iterable

import httpcore2

from app.foundation.http.egress import Egress


class JudgedBackend(httpcore2.AsyncNetworkBackend):
    """The socket boundary: from a host's name to a connection, by way of `egress`."""

    def __init__(self, egress: Egress, *, secure: bool) -> None:
        self._egress = egress
        self._secure = secure
        self._sockets = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first judged address that answers. Raises TargetRefused, Unresolved, ConnectError."""
        addresses = await self._egress.addresses(host, port, secure=self._secure)
        # A dead first address leaves its siblings a share of the time.
        share = None if timeout is None else timeout / min(len(addresses), 3)
        last: httpcore2.NetworkError | httpcore2.TimeoutException | None = None
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(
                    str(address), port, timeout=share, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last or httpcore2.ConnectError(f"{host} has no address")
