"""SIGHUP soon after the start, as of a service that is reloaded before it is ready: nothing dies of it."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tests.cli.running import Process
from tests.cli.test_daemon import QUICK, daemon, ended, runs, wait_for


def test_a_daemon_that_reads_its_configuration_still_lives_on(process: Process, folder: Path) -> None:
    pipe = folder / "replicator.toml"
    os.mkfifo(pipe)
    with daemon(process, "--config", str(pipe), "--log-format", "json") as started:
        with pipe.open("w") as writing:
            # Opening waits for who reads.
            started.send_signal(signal.SIGHUP)
            writing.write(QUICK)
        pipe.unlink()
        pipe.write_text(QUICK.replace("quick", "swift"))
        wait_for(lambda: [run for run in runs() if run["job"] == "swift" and run["status"] == "done"])
        ended(started)


def test_a_worker_whose_queue_does_not_answer_says_so_all_the_same(process: Process, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = f'[fleet]\nqueue = "postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x"\n'
        (folder / "replicator.toml").write_text(QUICK + queue)
        with process.start("worker") as started, silent.accept()[0]:
            started.send_signal(signal.SIGHUP)
            _, err = started.communicate(timeout=40)
    assert started.returncode == 1
    assert "cannot be reached" in err
