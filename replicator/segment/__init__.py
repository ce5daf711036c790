"""The API end: one client that waits, retries and decodes, and the pages of a listing.

token, regions    what is asked of the user, checked
exchange, wire    one request, one answer: in process, or over the network (the only module that knows httpx)
limits, retry     when to send, when to send again
answers           an HTTP answer to a verdict: good, again, or an error of errors.py
client            ties these together
splitter, decode  bytes to JSON values; one bad record never loses its page
pages             listings and gets by id
"""
