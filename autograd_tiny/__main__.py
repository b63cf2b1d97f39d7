"""``python -m autograd_tiny``."""

import sys

from .cli import main

sys.exit(main())
