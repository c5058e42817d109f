"""`python -m audio_ft`, the same as `audio-ft`."""

from __future__ import annotations

import sys

from audio_ft.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
