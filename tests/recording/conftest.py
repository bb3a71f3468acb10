"""Lets the tests beside it share recording_help."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
