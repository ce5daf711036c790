"""LOAD DATA LOCAL from memory.

In MySQL's protocol it is the server that names the file which the client then sends: a hostile one could ask for any.
This connection never opens a file. It sends the bytes that were offered for the statement under way, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, ClassVar

from pymysql import err
from pymysql.connections import Connection, MySQLResult

#: "LOAD DATA LOCAL INFILE file request rejected", as MySQL's own client library numbers it.
REJECTED = 2068
NAME = "replicator"
_PACKET = 1 << 20
if TYPE_CHECKING:
    _Base = Connection[Any]
else:
    _Base = Connection


class _Result(MySQLResult):
    connection: Any

    def _read_load_local_packet(self, first_packet: Any) -> None:
        connection = self.connection
        asked = first_packet.get_all_data()[1:]
        offered: bytes | None = connection.offered if asked == NAME.encode() else None
        connection.offered = None
        for at in range(0, len(offered) if offered else 0, _PACKET):
            connection.write_packet((offered or b"")[at : at + _PACKET])
        connection.write_packet(b"")
        self._read_ok_packet(connection._read_packet())  # noqa: SLF001 - as MySQLResult does
        if offered is None:
            raise err.OperationalError(REJECTED, "the server asked for a file that was not offered")

    _read_ok_packet: Any = MySQLResult._read_ok_packet  # type: ignore[attr-defined] # noqa: SLF001 - not in its stubs


class OfferingConnection(_Base):
    """A connection that can offer bytes to LOAD DATA LOCAL INFILE 'replicator'."""

    offered: bytes | None = None
    _result: Any
    _read_timeout: float | None
    connect_timeout: float | None
    server_status: int
    #: Of all connections that may be encrypted and check nothing: making one reads the machine's certificates, 20 ms.
    _unchecked: ClassVar[SSLContext | None] = None

    def __init__(self, *arguments: Any, password: str = "", **named: Any) -> None:
        # The driver would encode it as Latin-1; clients of the server itself send what a terminal does.
        super().__init__(*arguments, password=password.encode(), **named)

    def connect(self, sock: Any = None) -> None:
        """The driver limits the wait for TCP alone: one who then says nothing would be waited for without end."""
        asked, self._read_timeout = self._read_timeout, self._read_timeout or self.connect_timeout
        try:
            super().connect(sock)
        finally:
            self._read_timeout = asked

    @contextmanager
    def offering(self, data: bytes) -> Iterator[None]:
        """Inside, the server may ask for the data, once."""
        self.offered = data
        try:
            yield
        finally:
            self.offered = None

    def _create_ssl_ctx(self, asked: Any) -> SSLContext:
        if not asked and (known := OfferingConnection._unchecked):
            return known
        made: SSLContext = super()._create_ssl_ctx(asked)  # type: ignore[misc] # not in its stubs
        if not asked:
            OfferingConnection._unchecked = made
        return made

    def _read_query_result(self, unbuffered: bool = False) -> Any:  # noqa: FBT001, FBT002 - as its base has it
        self._result = None
        result: Any = _Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows
