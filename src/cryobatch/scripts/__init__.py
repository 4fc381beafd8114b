"""The built-in scripts, each thin over imaging and formats."""
