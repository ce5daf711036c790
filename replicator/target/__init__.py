"""The database end: schema, stage, publication, state, lease."""
