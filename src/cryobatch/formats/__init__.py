"""Bytes and text, to and from the model."""
