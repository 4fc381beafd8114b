"""Layouts: how the programs of microscopes lay out and describe their recordings."""
