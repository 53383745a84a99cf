"""Tables: aligned for a terminal, and as CSV."""

import csv


def aligned(rows, words=(0,)):
    """Lines of rows of texts, the first of which is the head: columns of `words` begin, all others end, below one another."""
    rows = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        cells = (cell.ljust(width) if c in words else cell.rjust(width) for c, (cell, width) in enumerate(zip(row, widths)))
        yield "  ".join(cells).rstrip()


def write(rows, path):
    """Rows as CSV, the first of which is the head; returns the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    return path
