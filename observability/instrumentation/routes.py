"""Which route template a request matched, bounded whatever the client sends."""

from collections.abc import Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

UNMATCHED = "unmatched"
OTHER_METHOD = "_OTHER"
KNOWN_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)


def method_label(method: str) -> str:
    """Return the method, or ``_OTHER`` for one that HTTP does not know."""
    return method if method in KNOWN_METHODS else OTHER_METHOD


def is_mounted(scope: Scope) -> bool:
    """Tell whether a request went into a mounted app."""
    return "app_root_path" in scope


def route_template(app_routes: Sequence[BaseRoute], scope: Scope) -> str:
    """Return the template of the route that the handled ``scope`` matched.

    Prefixes of included routers and mounts are part of it; what matched nothing is
    ``unmatched``.
    """
    if not is_mounted(scope):
        found = _leaf(scope) or _plain(app_routes, scope) or _unreached(app_routes, scope)
        return found or UNMATCHED
    prefix, inner, rest = _mount_prefix(app_routes, _path_in_app(scope))
    leaf = _leaf(scope)
    if leaf is not None:
        return prefix + leaf
    if inner:
        plain = _plain(inner, {**scope, "path": rest})
        return prefix + plain if plain else UNMATCHED
    # Something that has no routes of its own, such as static files.
    return prefix + "/{path}"


def _leaf(scope: Scope) -> str | None:
    """Return the template of the innermost route, as the router left it in the scope."""
    route = scope.get("route")
    if route is None or isinstance(route, Mount):
        return None
    # A route of an included router is shared; its full path is in FastAPI's context of it.
    context: Any = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and context.original_route is route:
        return _format(context)
    return _format(route)


def _plain(routes: Sequence[BaseRoute], scope: Scope) -> str | None:
    """Find a route that leaves only its endpoint in the scope (Starlette's own kind)."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    path = _path_in_app(scope)
    for context in iter_route_contexts(routes):
        if context.endpoint is endpoint and context.path_regex.match(path):
            return context.path_format
    return None


def _unreached(routes: Sequence[BaseRoute], scope: Scope) -> str | None:
    """Find the route of a request that a middleware answered, or passed on in another scope."""
    if scope["type"] != "http" or scope.get("endpoint") is not None:
        return None
    path, found = _path_in_app(scope), None
    for context in iter_route_contexts(routes):
        regex = getattr(context, "path_regex", None)
        if regex is None or not context.methods or not regex.match(path):
            continue
        if scope["method"] in context.methods:
            return context.path_format
        found = found or context.path_format
    return found


def _mount_prefix(
    routes: Sequence[BaseRoute], path: str
) -> tuple[str, Sequence[BaseRoute] | None, str]:
    """Walk the mounts along ``path``: their templates joined, the last one's routes, the rest."""
    for context in iter_route_contexts(routes):
        mount = context.original_route
        if not isinstance(mount, Mount):
            continue
        match = context.path_regex.match(path)
        if match:
            prefix = (context.path_format or "").removesuffix("/{path}")
            rest = "/" + match["path"]
            deeper, inner, last = _mount_prefix(mount.routes, rest)
            return (prefix + deeper, inner, last) if deeper else (prefix, mount.routes, rest)
    return "", None, path


def _path_in_app(scope: Scope) -> str:
    """Return the path without the prefix that a proxy in front has added."""
    root = scope.get("app_root_path", scope.get("root_path", ""))
    path: str = scope["path"]
    return path.removeprefix(root) if root else path


def _format(route: Any) -> str | None:
    return getattr(route, "path_format", None) or None
