"""All write operations, one file for each domain of Segment: what they change, and what they answer."""

from . import (
    credentials,
    destinations,
    filters,
    function_instances,
    functions,
    groups,
    labels,
    people,
    privacy,
    reverse_etl,
    rules,
    sources,
    tracking_plans,
    transformations,
    warehouses,
)

WRITES = (
    *credentials.ROUTES,
    *destinations.ROUTES,
    *filters.ROUTES,
    *labels.ROUTES,
    *sources.ROUTES,
    *warehouses.ROUTES,
    *groups.ROUTES,
    *people.ROUTES,
    *tracking_plans.ROUTES,
    *rules.ROUTES,
    *transformations.ROUTES,
    *functions.ROUTES,
    *function_instances.ROUTES,
    *privacy.ROUTES,
    *reverse_etl.ROUTES,
)
