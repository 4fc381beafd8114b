"""Image processing of electron micrographs: arrays in, arrays out; no file and no project."""
