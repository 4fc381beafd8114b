"""Optics groups: images that were recorded at the same place of the beam."""
