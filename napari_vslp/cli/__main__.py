"""So that ``python -m napari_vslp.cli`` works where the script is not on the path."""

import sys

from napari_vslp.cli import main

sys.exit(main())
