"""The demonstration: a simulated microscope whose truth is known, and cryobatch at work on it."""
