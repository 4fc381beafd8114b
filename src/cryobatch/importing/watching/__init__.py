"""Watching: what appears in a folder, and when it has settled."""
