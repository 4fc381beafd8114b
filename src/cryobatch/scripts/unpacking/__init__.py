"""The parts of ``unpack``: what to do, the camera, the frames, the table of the frames."""
