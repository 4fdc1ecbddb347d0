"""The authorization of a request: its caller, its required permissions, and the caller's policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aiohttp import web

from local.iam.access import Access, RequestDenied, Service
from local.iam.credentials import access_key_id
from local.iam.record import PermissionRecord
from local.policy import Denied, Grant, Policy


class Authorization:
    """Authorizes requests and records the decisions."""

    def __init__(self, policies: Mapping[str, Policy], record: PermissionRecord, region: str, roles: str) -> None:
        """`roles` is the ARN prefix of the functions' roles, for messages."""
        self._policies = policies
        self._record = record
        self._region = region
        self._roles = roles

    def check(self, service: Service, request: web.BaseRequest, body: bytes) -> None:
        """Check that all required permissions are granted. Raises RequestDenied."""
        function: str | None = None
        try:
            function = self._caller(service, request, body)
            grants = self._grants(function, service.required_accesses(request, body))
        except RequestDenied as refusal:
            self._record.deny(function, refusal.accesses)
            raise
        self._record.allow(function, grants)

    def _caller(self, service: Service, request: web.BaseRequest, body: bytes) -> str:
        """Return the function whose key signed the request. Raises RequestDenied, with the requested access."""
        try:
            function = access_key_id(request.headers.get("Authorization"), service.signing_name, self._region)
            if function not in self._policies:
                message = "The security token included in the request is invalid."
                raise RequestDenied("UnrecognizedClientException", message)
        except RequestDenied as refusal:
            raise RequestDenied(
                refusal.code, refusal.message, _requested_accesses(service, request, body)
            ) from None
        return function

    def _grants(self, function: str, accesses: Iterable[Access]) -> dict[Access, Grant]:
        """Return the grant of each access. Raises RequestDenied with all denied ones, naming the first."""
        grants: dict[Access, Grant] = {}
        denied: dict[Access, Denied] = {}
        for access in accesses:
            decision = self._policies[function].decide(*access)
            if isinstance(decision, Grant):
                grants[access] = decision
            else:
                denied[access] = decision
        if denied:
            access, decision = next(iter(denied.items()))
            raise RequestDenied(
                "AccessDeniedException", self._denial_message(function, access.redacted(), decision), denied
            )
        return grants

    def _denial_message(self, function: str, access: Access, decision: Denied) -> str:
        """Return IAM's message for a denied request."""
        reason = (
            "with an explicit deny in an identity-based policy"
            if decision.explicit
            else f"because no identity-based policy allows the {access.action} action"
        )
        return (
            f"User: {self._roles}/{function}/{function} is not authorized to perform: {access.action}"
            f" on resource: {access.resource} {reason}"
        )


def _requested_accesses(service: Service, request: web.BaseRequest, body: bytes) -> Iterable[Access]:
    try:
        return service.required_accesses(request, body)
    except RequestDenied as refusal:
        return refusal.accesses
