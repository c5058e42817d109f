"""Lists of recordings as csv files that read back as they were written, whole or not at all."""

from __future__ import annotations
