"""Whether a request is let through: who sent it, what it needs, what the policy of that function says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp import web

from local.iam.access import Access, Refusal, Service
from local.iam.credentials import key_id
from local.iam.policy import Grant, Policy, Refused
from local.iam.record import Record


class Authorization:
    """Decides, and writes down what it decided."""

    def __init__(self, policies: Mapping[str, Policy], record: Record, region: str, roles: str) -> None:
        """`roles` is the ARN in front of the functions' roles, as messages name them."""
        self._policies = policies
        self._record = record
        self._region = region
        self._roles = roles

    def check(self, service: Service, request: web.BaseRequest, body: bytes) -> None:
        """Return if all that the request needs is allowed. Raises Refusal."""
        function: str | None = None
        try:
            function = self._caller(service, request, body)
            grants = self._grants(function, service.accesses(request, body))
        except Refusal as refusal:
            self._record.deny(function, refusal.accesses)
            raise
        self._record.allow(function, grants)

    def _caller(self, service: Service, request: web.BaseRequest, body: bytes) -> str:
        """The function whose key signed the request. Raises Refusal, with what the stranger asked for."""
        try:
            function = key_id(request.headers.get("Authorization"), service.signing_name, self._region)
            if function not in self._policies:
                message = "The security token included in the request is invalid."
                raise Refusal("UnrecognizedClientException", message)
        except Refusal as refusal:
            raise Refusal(refusal.kind, refusal.message, _asked_for(service, request, body)) from None
        return function

    def _grants(self, function: str, accesses: Iterable[Access]) -> dict[Access, Grant]:
        """What allows each of them. Raises Refusal with all that are not allowed, naming the first."""
        grants: dict[Access, Grant] = {}
        refused: dict[Access, Refused] = {}
        for access in accesses:
            decision = self._policies[function].decide(*access)
            if isinstance(decision, Grant):
                grants[access] = decision
            else:
                refused[access] = decision
        if refused:
            access, decision = next(iter(refused.items()))
            raise Refusal("AccessDeniedException", self._sentence(function, access.shown(), decision), refused)
        return grants

    def _sentence(self, function: str, access: Access, decision: Refused) -> str:
        """As IAM says it."""
        because = (
            "with an explicit deny in an identity-based policy"
            if decision.explicit
            else f"because no identity-based policy allows the {access.action} action"
        )
        return (
            f"User: {self._roles}/{function}/{function} is not authorized to perform: {access.action}"
            f" on resource: {access.resource} {because}"
        )


def _asked_for(service: Service, request: web.BaseRequest, body: bytes) -> Iterable[Access]:
    try:
        return service.accesses(request, body)
    except Refusal as refusal:
        return refusal.accesses
