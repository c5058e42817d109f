"""How long tests wait for another process."""

# Seconds after which a process counts as hung. Far above what any needs, because machines differ and may be busy.
HUNG = 900.0
