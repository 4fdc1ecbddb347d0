"""Baseline of a cold start: a function that signs and posts a request with the standard library only."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import ssl  # noqa: F401 — required to post on AWS
import time
from urllib.parse import quote, urlsplit


def handler(event: dict[str, object], context: object) -> dict[str, int]:
    """Post the event's body back to its sender."""
    endpoint = urlsplit(os.environ["CHAT_MANAGEMENT_ENDPOINT"])
    request = event["requestContext"]
    connection_id = request["connectionId"] if isinstance(request, dict) else ""
    path = f"{endpoint.path}/@connections/{quote(connection_id, safe='')}"
    body = json.dumps({"echo": json.loads(str(event["body"]))}).encode()
    date, day = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), time.strftime("%Y%m%d", time.gmtime())
    names = "host;x-amz-date;x-amz-security-token"
    token, region = os.environ["AWS_SESSION_TOKEN"], os.environ["AWS_REGION"]
    headers = f"host:{endpoint.netloc}\nx-amz-date:{date}\nx-amz-security-token:{token}\n"
    body_hash = hashlib.sha256(body).hexdigest()
    canonical_request = f"POST\n{quote(path, safe='/-_.~')}\n\n{headers}\n{names}\n{body_hash}"
    scope = f"{day}/{region}/execute-api/aws4_request"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical_request.encode()).hexdigest()}"
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {endpoint.netloc}\r\nX-Amz-Date: {date}\r\n"
        f"X-Amz-Security-Token: {token}\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, "
        f"Signature={signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((endpoint.hostname or "", endpoint.port or 443)) as sock:
        sock.sendall(head.encode() + body)
        return {"statusCode": int(sock.recv(65536)[9:12])}
