"""What a laboratory's own script begins as: small examples that work as they are."""

PYTHON = '''"""Measure how much the brightness of the micrograph varies."""

from typing import Annotated

import mrcfile
import numpy as np

from cryobatch import Absent, Parameter, Run, Value, script


@script(
    category="Calculate Statistics",
    title="NAME",
    inputs=["micrograph"],
    values={
        "NAME_contrast": Value("", low=0, optional=True, help="Deviation divided by the mean."),
    },
)
def NAME(
    run: Run,
    *,
    border: Annotated[int, Parameter("pixels", low=0, help="What is left out at the edges.")] = 16,
) -> dict[str, object]:
    """Measure how much the brightness of the micrograph varies."""
    with mrcfile.open(run.input("micrograph"), permissive=True) as file:
        pixels = np.asarray(file.data, dtype=np.float32)  # (rows, columns)
    inner = pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border]
    if inner.size == 0 or inner.mean() <= 0:
        return {"NAME_contrast": Absent("nothing is left to measure, or the mean is not positive")}
    run.message(f"measured {inner.size} pixels")
    return {"NAME_contrast": float(inner.std() / inner.mean())}
'''

SHELL = """#!/bin/bash
# /// cryobatch
# title = "NAME"
# category = "Calculate Statistics"
# help = "Tell how large the micrograph's file is."
# inputs = ["micrograph"]
# values.NAME_size = {unit = "MB", low = 0, help = "Size of the micrograph's file."}
# parameters.unit_bytes = {type = "int", default = 1000000, low = 1, help = "Bytes in one MB."}
# ///
set -euo pipefail

# CRYOBATCH_RUN names a JSON file with inputs, outputs, parameters, acquisition and resources.
read_run() { python3 -c 'import json, os, sys
found = json.load(open(os.environ["CRYOBATCH_RUN"]))
for key in sys.argv[1:]:
    found = found[key]
print(found)' "$@"; }

micrograph=$(read_run inputs micrograph)
unit=$(read_run parameters unit_bytes)
size=$(stat -L -c %s "$micrograph")
echo "::progress 0.5"
echo "::value NAME_size $(python3 -c "print($size / $unit)")"
"""
