"""The certificate authorities that TLS connections trust.

Parsing all authorities of the machine costs many times a handshake. AWS's services have certificates of Amazon
Trust Services, so only the roots of that company are taken from the machine's file at first. That is never weaker
than the whole file, being a part of it. If a peer cannot be verified with it, the whole file is loaded, once for
the process, and the connection is made again.
"""

from __future__ import annotations

import binascii
import os
import ssl
import threading
from pathlib import Path

_AMAZON_ROOTS = (b"Amazon Root CA", b"Starfield Services Root Certificate Authority")
"""Names in the root certificates of Amazon Trust Services."""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class TlsContext:
    """TLS contexts that verify certificates and host names. Safe to use from any thread, and by several pools."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_full_store = False
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context for new connections. It is created at the first call."""
        with self._lock:
            if self._context is None:
                roots = _amazon_roots()
                self._has_full_store = not roots
                self._context = _create_context(roots)
            return self._context

    def use_full_store(self) -> bool:
        """Trust all authorities of the machine from now on; return whether they were not all trusted before."""
        with self._lock:
            if self._has_full_store:
                return False
            self._has_full_store = True
            self._context = _create_context(b"")
            return True


def _create_context(authorities: bytes) -> ssl.SSLContext:
    """Return a context that trusts these authorities (concatenated DER); if there are none, the machine's."""
    # This function's defaults verify the certificate and the host name.
    context = ssl.create_default_context(cadata=authorities or None)
    # Python leaves the minimum to OpenSSL's configuration, in which some Linux distributions set none.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _amazon_roots() -> bytes:
    """Return Amazon's roots from the machine's file, as concatenated DER; empty if the file does not have them."""
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env) or paths.cafile
    try:
        text = Path(file).read_bytes() if file else b""
        blocks = (block.partition(_END)[0] for block in text.split(_BEGIN)[1:])
        certificates = (binascii.a2b_base64(block) for block in blocks)
        return b"".join(
            certificate for certificate in certificates if any(name in certificate for name in _AMAZON_ROOTS)
        )
    except (OSError, ValueError):
        # The file is unreadable, or not PEM: the full store leaves it to OpenSSL.
        return b""
