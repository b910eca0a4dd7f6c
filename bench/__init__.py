"""Measuring Recourse beside what a user would write or pick instead: the same story, side by side, in one run."""
