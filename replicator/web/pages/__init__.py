"""The pages, by path. What answers GET changes nothing."""

from __future__ import annotations

from starlette.routing import Route

from replicator.web.pages import conflicts, deletes, edits, login, objects, overview, runs, waiting

_OF = "/c/{connection}"
ROUTES = [
    Route("/", overview.all_of_them, methods=["GET"], name="overview"),
    Route("/login", login.form, methods=["GET"], name="login"),
    Route("/login", login.enter, methods=["POST"]),
    Route("/logout", login.leave, methods=["POST"]),
    Route(f"{_OF}/", overview.one, methods=["GET"]),
    Route(f"{_OF}/live", overview.live, methods=["GET"]),
    Route(f"{_OF}/jobs/{{job}}", overview.run, methods=["POST"]),
    Route(f"{_OF}/runs", runs.listed, methods=["GET"]),
    Route(f"{_OF}/runs/{{run}}", runs.one, methods=["GET"]),
    Route(f"{_OF}/objects/{{object}}", objects.one, methods=["GET"]),
    Route(f"{_OF}/edits", edits.pending, methods=["GET"]),
    Route(f"{_OF}/conflicts", conflicts.listed, methods=["GET"]),
    Route(f"{_OF}/conflicts/{{conflict}}", conflicts.decide, methods=["POST"]),
    Route(f"{_OF}/deletes", deletes.listed, methods=["GET"]),
    Route(f"{_OF}/deletes/{{object}}", deletes.decide, methods=["POST"]),
    Route(f"{_OF}/quarantine", waiting.quarantine, methods=["GET"]),
    Route(f"{_OF}/schema", waiting.schema, methods=["GET"]),
]
