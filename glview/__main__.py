"""`python -m glview`."""

import sys

from glview.cli import main

sys.exit(main())
