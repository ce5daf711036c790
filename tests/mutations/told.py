"""Bugs of telling people, as tests/mutations/planted.py has those of rows: told twice, never, or aloud."""

from __future__ import annotations

from tests.mutations.planted import Mutation

DECIDE = ("tests/alerts/test_decide.py",)
BOOK = ("tests/alerts/test_book.py",)
CHANNELS = ("tests/alerts/test_channels.py",)
WORDS = ("tests/alerts/test_words.py",)

TOLD = (
    Mutation(
        "forget that a channel was told",
        "alerts/decide.py",
        'return Tell("opened" if said == "opened" else "closed", now, 0)',
        "return tell",
        DECIDE,
    ),
    Mutation(
        "tell again what came back before its end was told",
        "alerts/decide.py",
        'if before is None or before.told == "closed":',
        'if before is None or before.told != "nothing":',
        DECIDE,
    ),
    Mutation(
        "lose what came and went while the channel was broken",
        "alerts/decide.py",
        'return "passed" if tell.told == "nothing" and late else None',
        "return None",
        DECIDE,
    ),
    Mutation(
        "close what nobody could judge",
        "alerts/decide.py",
        "before.closed is None and judged.knows(key)",
        "before.closed is None",
        DECIDE + BOOK,
    ),
    Mutation(
        "tell what another one tells in this moment",
        "alerts/book.py",
        ".where(*mine, *same, free)",
        ".where(*mine)",
        BOOK,
    ),
    Mutation(
        "keep what was judged by old figures",
        "alerts/book.py",
        "settings.c.value == str(number))",
        "settings.c.value != '')",
        BOOK,
    ),
    Mutation(
        "never tell again after a claim whose process died",
        "alerts/book.py",
        "table.c.claimed_at < now - CLAIM",
        "table.c.claimed_at < now - CLAIM * 1000 - CLAIM.resolution * 10**12",
        BOOK,
    ),
    Mutation(
        "trust any certificate",
        "alerts/channels.py",
        "return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)",
        "return ssl._create_unverified_context()",
        CHANNELS,
    ),
    Mutation(
        "send mail in the clear where the server offers no TLS",
        "alerts/channels.py",
        "server.starttls(context=context)",
        "server.has_extn('starttls') and server.starttls(context=context)",
        CHANNELS,
    ),
    Mutation(
        "let a slow webhook hold its thread",
        "alerts/channels.py",
        "thread.join(DEADLINE)",
        "thread.join()",
        CHANNELS,
    ),
    Mutation(
        "let texts call people",
        "alerts/words.py",
        'text = re.sub(r"@(?=\\w)", "@\\u200b", text)',
        "text = str(text)",
        WORDS,
    ),
    Mutation(
        "tell of a run that was killed once",
        "alerts/judge.py",
        "if ended.killed_before or not ended.killed else {}",
        "if ended.run else {}",
        ("tests/alerts/test_judge.py",),
    ),
)
