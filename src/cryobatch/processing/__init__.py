"""Running the scripts of batches on processors."""
