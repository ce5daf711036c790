"""Edits out: what differs from its base is merged with the workspace's record, and what is left to send is sent.

model    what a plan consists of
written  how each writable object is read and written by the API
decide   an edit and the workspace's record give a step: pure
journal  the rows about what was sent, and about what a person has to decide
settle   what the workspace answered becomes row and base
push     the steps, performed
"""
