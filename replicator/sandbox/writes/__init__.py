"""All write operations, one file for each domain of Segment: what they change, and what they answer."""

from . import labels

WRITES = (*labels.ROUTES,)
