"""What comes after a run of sinter-hpc: summaries, figures, pictures, exports.

`Trajectory` reads the file that a run writes, one frame at a time; everything else
is built on it. The same from the command line: `sinter-tools --help`.
"""

from .trajectory import Series, Trajectory

__version__ = "0.1.0"
__all__ = ["Series", "Trajectory"]
