"""``python -m curadiff.cli``, for checkouts that are not installed."""

import sys

from . import main

sys.exit(main())
