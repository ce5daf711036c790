"""Endurance: the daemon for minutes or hours, with everything going wrong that can (README.md)."""
