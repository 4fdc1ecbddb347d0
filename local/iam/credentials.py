"""The caller of a request, from the credential scope of its Signature Version 4."""

from __future__ import annotations

import re

from local.iam.access import RequestDenied

_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)"
    r"/aws4_request,\s*SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]{64}"
)


def access_key_id(authorization: str | None, service: str, region: str) -> str:
    """Return the access key id in an Authorization header; the signature is not verified.

    Raises RequestDenied if the header is missing, malformed, or for another service or region.
    """
    if not authorization:
        raise RequestDenied("MissingAuthenticationTokenException", "Missing Authentication Token")
    signature = _SIGNATURE.fullmatch(authorization.strip())
    if signature is None:
        raise RequestDenied(
            "IncompleteSignatureException", "The Authorization header is not a Signature Version 4 header"
        )
    if signature["service"] != service:
        raise RequestDenied(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'"
        )
    if signature["region"] != region:
        raise RequestDenied(
            "InvalidSignatureException", f"Credential should be scoped to a valid region: '{region}'"
        )
    return signature["key"]
