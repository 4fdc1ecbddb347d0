"""`python -m local`: see `local.cli`."""

from __future__ import annotations

import logging
import os
import sys

from local.cli import main

if __name__ == "__main__":
    status = main()
    # Threads that post to the stopped gateway keep retrying until their deadline, and an ordinary exit would wait
    # for them.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
