"""``python -m prosa``, which is what ``torchrun -m prosa`` runs."""

import sys

from prosa.cli.main import main

sys.exit(main())
