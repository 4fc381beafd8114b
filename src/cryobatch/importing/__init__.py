"""Finding recordings and registering them as images."""
