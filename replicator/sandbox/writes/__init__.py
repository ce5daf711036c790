"""All write operations, one file for each domain of Segment: what they change, and what they answer."""

from . import credentials, destinations, filters, groups, labels, people, sources, warehouses

WRITES = (
    *credentials.ROUTES,
    *destinations.ROUTES,
    *filters.ROUTES,
    *labels.ROUTES,
    *sources.ROUTES,
    *warehouses.ROUTES,
    *groups.ROUTES,
    *people.ROUTES,
)
