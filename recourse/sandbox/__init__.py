"""A sandbox to build against: every part of Recourse on this machine, with a clock for each order that can be moved."""
