"""What things are: images, products, parameters, scripts, workflows, batches and events."""

from cryobatch.model.batch import Batch, BatchState
from cryobatch.model.declaration import script
from cryobatch.model.image import Fact, ImageIdentity, ImageRecord, Person, RunRecord
from cryobatch.model.parameter import Parameter, ParameterValue
from cryobatch.model.product import Input, Optional, Output
from cryobatch.model.run import Run
from cryobatch.model.script import Script
from cryobatch.model.value import Absent, Result, Value

__all__ = [
    "Absent",
    "Batch",
    "BatchState",
    "Fact",
    "ImageIdentity",
    "ImageRecord",
    "Input",
    "Optional",
    "Output",
    "Parameter",
    "ParameterValue",
    "Person",
    "Result",
    "Run",
    "RunRecord",
    "Script",
    "Value",
    "script",
]
