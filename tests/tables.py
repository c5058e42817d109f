"""Tables that tests write."""

import csv


def write_rows(path, rows, delimiter=","):
    """Write rows (dicts) as delimited text with a header, in a folder that is made where needed; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path
