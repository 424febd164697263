"""The questions of the paper as statistics with intervals, and its claims as verdicts."""
