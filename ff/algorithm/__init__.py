"""What Forward-Forward is, and one epoch of it: begin with `network`."""
