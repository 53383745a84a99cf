"""Inputs of sinter-hpc as dictionaries."""

import hashlib
import json
from pathlib import Path

# Where an input names files, in whichever table.
_FILES = ("library", "parameters", "file")


def absolute(tables, folder):
    """Makes the paths in an input, which count from its folder, count from anywhere."""
    for key, value in tables.items():
        if isinstance(value, dict):
            absolute(value, folder)
        elif isinstance(value, list):
            for part in value:
                if isinstance(part, dict):
                    absolute(part, folder)
        if key in _FILES and isinstance(value, str):
            tables[key] = str((folder / value).resolve())
        elif key in _FILES and isinstance(value, list):
            tables[key] = [str((folder / part).resolve()) if isinstance(part, str) else part for part in value]


def fingerprint(tables):
    """The beginning of the SHA-256 of tables with the files that they name by absolute paths (`absolute`), by content."""

    def known(value, key=None):
        if isinstance(value, dict):
            return {key: known(part, key) for key, part in sorted(value.items())}
        if isinstance(value, list):
            return [known(part, key) for part in value]
        if key in _FILES and isinstance(value, str) and Path(value).is_file():
            return hashlib.sha256(Path(value).read_bytes()).hexdigest()
        return value

    return hashlib.sha256(json.dumps(known(tables), default=str).encode()).hexdigest()[:16]
