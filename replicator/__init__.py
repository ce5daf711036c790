"""Keeps a relational database in step with a Twilio Segment workspace."""

__version__ = "0.1.0"
