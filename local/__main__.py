"""`python -m local`: see `local.cli`."""

from __future__ import annotations

import logging
import os
import sys

from local.cli import main

if __name__ == "__main__":
    status = main()
    # Posts of functions may still be trying to reach the gateway that has just gone, each until its deadline, and
    # an ordinary exit would wait for their threads.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
