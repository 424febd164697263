"""Days of training, cut off and continued: `run.train` is the entrance."""
