"""The records, one module for each domain of Segment."""
