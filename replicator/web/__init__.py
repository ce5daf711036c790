"""The status page of the daemon, and what monitors ask, answered by one server.

site         what the page is about, as the composition root hands it in
application  which path is answered by what
server       the socket
guard        what every request has to pass: host, origin, login, CSRF token; and the headers of every answer
sessions     who is logged in
password     how passwords are kept, and that they cannot be tried at leisure
sight        what the overview shows of one connection, read at most once in a few seconds
attention    what is wrong, and what to do about it
charts       figures over time as SVG
diffs        what differs between two values, line by line
veil         what of a value a page may show
pages        what each path answers
"""
