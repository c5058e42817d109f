"""What a kind of target is called on the command line, in the report and on the card."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """Say in words what a kind of target is.

    Attributes:
        short: what it is in two words, "one label".
        cell: what one cell of its column holds, "the label".
        task: the task as the Hub's cards call it.
        card: the sentence of the card; {count}, {labels} and {column} are filled in.
        right: what recordings without an error are.
        errors_title: heading of the worst errors.
        errors_name: what they are called, "errors".
        errors_order: how they are sorted.
        predictions_title: heading of the section on confusions; "" leaves the section out.
    """

    short: str
    cell: str
    task: str
    card: str
    right: str = "predicted correctly"
    errors_title: str = "Worst errors"
    errors_name: str = "errors"
    errors_order: str = "worst first"
    predictions_title: str = ""
