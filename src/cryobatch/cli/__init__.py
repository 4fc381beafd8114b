"""The command line: commands by noun."""
