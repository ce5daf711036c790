"""The database end: stage, publish, state, and the tables that hold them."""
