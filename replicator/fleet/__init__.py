"""What processes of a fleet share, in a schema of its own in a PostgreSQL database.

store      the connections to it, the making of its tables, who is alive
limits     the rate limits of each token, kept for all processes
queue      units: how the planner hands them over
hands      how a worker takes them: the one module that is async, because Procrastinate is

All of it needs the extra: `pip install segment-replicator[fleet]`.
"""
