"""Export: what is known about images, as the files that other programs begin with."""
