"""Finds out, before anything starts, who holds a port that is needed."""

import socket
from collections.abc import Iterable

import psutil

from observability.exits import UsageError
from observability.settings import HOST, port_variable

_HIGHEST = 65_535


def require_free(ports: Iterable[tuple[str, int]]) -> None:
    """Check that every port can be listened on.

    Args:
        ports: each with the name that its setting carries (`gateway`, `collector_health`);
            replicas of a service share its name.

    Raises:
        UsageError: two want the same port, somebody has it, or there is no such port; names who,
            and the setting.
    """
    wanted_by: dict[int, str] = {}
    for name, port in ports:
        if port > _HIGHEST:
            raise UsageError(
                f"port {port} of {name} is above {_HIGHEST}: set {port_variable(name)} to a lower "
                "one; replicas take the ports that follow"
            )
        if port in wanted_by:
            raise UsageError(
                f"port {port} is wanted by both {wanted_by[port]} and {name}: "
                f"set {port_variable(name)} to another"
            )
        wanted_by[port] = name
        if not is_free(port):
            raise UsageError(
                f"port {port} of {name} is taken by {holder(port)}: "
                f"stop that or set {port_variable(name)} to another port"
            )


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """Who listens on a port: `pid 123 (postgres)`, as far as we may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:
        connections = []
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.pid:
            try:
                return f"pid {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.Error:
                break
    return "another process, of another user"
