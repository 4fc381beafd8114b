"""The version of cryobatch."""

VERSION = "0.1.0"
