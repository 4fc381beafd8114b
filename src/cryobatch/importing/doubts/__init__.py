"""Doubts: where recordings, or a session of them, cannot be as they say."""
