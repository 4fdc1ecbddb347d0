"""The parts of a REST API: routes, TOKEN authorizers, CORS preflights, gateway responses.

Resources match as in API Gateway: segment by segment, a fixed segment before ``{name}`` before ``{name+}``, with a
trailing slash ignored and parameters left percent-encoded. A request is matched by path and method together: a
resource without the method leaves it to a less specific one (measured on AWS, ministackorg/ministack#1423).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.gateway.functions import Handler
from local.gateway.gateway_responses import GatewayResponses
from local.gateway.mock_responses import MockResponse


@dataclass(frozen=True)
class TokenAuthorizer:
    """A Lambda authorizer of type TOKEN; ``ttl`` is the cache lifetime of a response in seconds, 0 for none."""

    name: str
    handler: Handler
    header: str = "Authorization"
    ttl: float = 300.0


@dataclass(frozen=True)
class Route:
    """A method of a resource, such as ``GET`` of ``/conversations/{conversation_id}``."""

    resource: str
    method: str
    authorizer: TokenAuthorizer | None = None


@dataclass(frozen=True)
class RestApi:
    """A REST API whose methods all invoke one function (Lambda proxy integration)."""

    handler: Handler
    routes: tuple[Route, ...]
    responses: GatewayResponses
    preflights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Resource → headers of the mock response to ``OPTIONS``."""
    mocks: Mapping[tuple[str, str], MockResponse] = field(default_factory=dict)
    """Resource and method → response without a function; the method can be ``ANY``."""
    binary_types: tuple[str, ...] = ()
    function_name: str = "api_handler"


@dataclass
class _Node:
    fixed: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "tuple[str, _Node] | None" = None
    greedy: "tuple[str, _Node] | None" = None
    resource: str | None = None


@dataclass(frozen=True)
class Match:
    """A resource and the path parameters that matched."""

    resource: str
    parameters: Mapping[str, str]


class ResourceTree:
    """Finds the resource of a path.

    Raises:
        ValueError: Two resources name the same segment's parameter differently, which API Gateway rejects.
    """

    def __init__(self, resources: list[str]) -> None:
        self._root = _Node()
        for resource in resources:
            self._add(resource)

    def match(self, path: str, serves: Callable[[str], bool] = lambda _: True) -> Match | None:
        """Return the most specific resource for a raw path that ``serves`` accepts, or None."""
        return self._find(self._root, _segments(path), {}, serves)

    def _add(self, resource: str) -> None:
        node = self._root
        for segment in _segments(resource):
            if not segment.startswith("{"):
                node = node.fixed.setdefault(segment, _Node())
                continue
            kind = "greedy" if segment.endswith("+}") else "parameter"
            name = segment.strip("{}+")
            known = getattr(node, kind) or (name, _Node())
            if known[0] != name:
                raise ValueError(f"{resource}: a sibling resource names {{{name}}} {{{known[0]}}}")
            setattr(node, kind, known)
            node = known[1]
        node.resource = resource

    def _find(
        self, node: _Node, segments: list[str], parameters: dict[str, str], serves: Callable[[str], bool]
    ) -> Match | None:
        if not segments:
            is_served = node.resource is not None and serves(node.resource)
            return Match(node.resource, parameters) if node.resource is not None and is_served else None
        head, rest = segments[0], segments[1:]
        found = None
        if head in node.fixed:
            found = self._find(node.fixed[head], rest, parameters, serves)
        if found is None and node.parameter is not None and head:
            name, child = node.parameter
            found = self._find(child, rest, {**parameters, name: head}, serves)
        if found is None and node.greedy is not None:
            name, child = node.greedy
            found = self._find(child, [], {**parameters, name: "/".join(segments)}, serves)
        return found


def _segments(path: str) -> list[str]:
    stripped = path[1:-1] if len(path) > 1 and path.endswith("/") else path[1:]
    return stripped.split("/") if stripped else []
