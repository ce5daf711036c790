"""People are told what needs them: each condition once in each channel, and once that it is over.

judge      pure: what stands, by the ledger's figures
decide     pure: what opened, what closed, and which channel is to be told what
book       the tables `alerts` and `alert_tells`, in which daemons and commands share what was told
words      what is written, safe for Slack, mail and terminals
channels   a webhook and a mail, sent within a deadline
perform    a look at one connection, and what is due is told
"""
