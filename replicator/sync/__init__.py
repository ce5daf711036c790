"""Edits out: what differs from its base is merged with the workspace's record, and what is left to send is sent.

model       what a plan consists of
written     how each writable object is read and written by the API
decide      an edit and the workspace's record give a step: pure
rules       what is particular to rules, which have no id
fit         the edits that wait, less those that other rows contradict
look        the workspace's records and the steps, group by group, right before each is performed
journal     the rows about what was sent, and about what a person has to decide
settle      what the workspace answered becomes row and base
sending     a write, its row of the journal, and a look where its answer was lost
push        the steps of records that have an id, performed; push_rules those of rules
afterwards  what a write leaves to be done: deployments, connections of sources
"""
