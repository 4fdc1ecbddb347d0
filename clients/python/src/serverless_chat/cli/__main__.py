"""`python -m serverless_chat.cli` is the command `chat`."""

import sys

from .main import main

sys.exit(main())
