"""Image processing of electron micrographs: arrays in, arrays out; no file and no project.

Importing it lets the threads of compiled loops sleep between two of them, unless OMP_WAIT_POLICY
says otherwise: GNU's OpenMP, which numba uses where it is there, has them wait at full speed for
some milliseconds, a tenth of what drift correction takes of a processor.
"""

import os

# It is read once, when the first such loop runs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
