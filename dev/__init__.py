"""Tools for work on Recourse itself: its environment, an audit, a browser. They are not installed."""
