"""Inputs of sinter-hpc as dictionaries."""

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
