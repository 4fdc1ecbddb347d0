"""Whom to trust over TLS: the machine's own certificate authorities, of which AWS's are read first.

Reading all of them costs many times a handshake. AWS's services have certificates of Amazon Trust Services, so
only that company's are taken out of the machine's file and read. This is never weaker than the whole file, as it
is a part of it; and where a peer is not verified by it, the whole file is read and asked again, once for the
process.
"""

from __future__ import annotations

import binascii
import os
import ssl
import threading
from pathlib import Path

_OF_AWS = (b"Amazon Root CA", b"Starfield Services Root Certificate Authority")
"""Names within the certificates of Amazon Trust Services' roots."""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class TlsContext:
    """TLS contexts that verify certificates and host names. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole = False
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context to connect with."""
        with self._lock:
            if self._context is None:
                lean = _roots_of_aws()
                self._whole = not lean
                self._context = _context(lean)
            return self._context

    def use_full_store(self) -> bool:
        """A peer was not verified: trust the whole file from now on. Whether that is more than before."""
        with self._lock:
            if self._whole:
                return False
            self._whole = True
            self._context = _context(b"")
            return True


def _context(authorities: bytes) -> ssl.SSLContext:
    """A context with these authorities (DER, one after the other), or with all that the machine has."""
    # As create_default_context makes it: verifies the certificate and the name.
    context = ssl.create_default_context(cadata=authorities or None)
    # Python leaves this to how OpenSSL is configured, and some Linux distributions leave it open.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _roots_of_aws() -> bytes:
    """AWS's roots out of the machine's file, in DER; none if they are not there."""
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env) or paths.cafile
    try:
        text = Path(file).read_bytes() if file else b""
        blocks = (each.partition(_END)[0] for each in text.split(_BEGIN)[1:])
        certificates = (binascii.a2b_base64(each) for each in blocks)
        return b"".join(each for each in certificates if any(name in each for name in _OF_AWS))
    except (OSError, ValueError):
        # A file that cannot be read this way is for OpenSSL to read.
        return b""
