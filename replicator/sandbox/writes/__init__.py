"""All write operations, one file for each domain of Segment: what they change, and what they answer."""

from . import groups, labels, people

WRITES = (
    *labels.ROUTES,
    *groups.ROUTES,
    *people.ROUTES,
)
