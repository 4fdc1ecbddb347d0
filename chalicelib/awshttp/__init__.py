"""An HTTP/1.1 client for AWS services: many requests at once on one thread, signed with Signature Version 4.

A `ConnectionPool` keeps connections to one `Origin`. A `Multiplexer` runs transfers over them: objects with the
methods of `Transfer`, which supply requests and take responses. An `AwsJsonClient` is a ready-made client on top
of that, for services with the AWS JSON protocol. Other protocols sign their requests with a `Signer`, or derive
their transfers from `SignedPost`.

It imports the standard library only. Everything that is not named in `__all__` is private.
"""

from chalicelib.awshttp._clock import Clock
from chalicelib.awshttp._errors import NoResponse, ProtocolError, ServiceError
from chalicelib.awshttp._http11 import Response
from chalicelib.awshttp._json_client import AwsJsonClient
from chalicelib.awshttp._multiplexer import Multiplexer
from chalicelib.awshttp._origin import Origin
from chalicelib.awshttp._pool import ConnectionPool
from chalicelib.awshttp._signed_post import SignedPost
from chalicelib.awshttp._sigv4 import Credentials, Signer, body_hash, canonical_path
from chalicelib.awshttp._tls import TlsContext
from chalicelib.awshttp._transfer import Preconnect, Transfer

__all__ = [
    "AwsJsonClient",
    "Clock",
    "ConnectionPool",
    "Credentials",
    "Multiplexer",
    "NoResponse",
    "Origin",
    "Preconnect",
    "ProtocolError",
    "Response",
    "ServiceError",
    "SignedPost",
    "Signer",
    "TlsContext",
    "Transfer",
    "body_hash",
    "canonical_path",
]
