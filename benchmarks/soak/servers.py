"""A database server of one's own, with its own folder and port, that can be restarted without anybody else's notice."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

NAME = "replicator"
#: Seconds that a server has to come up, or to go.
PATIENCE = 90.0


class NoServer(Exception):
    """There is no such server on this machine; the message says what was looked for."""


class Server(ABC):
    """One instance with one database; `url` is its owner's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.password = secrets.token_hex(12)
        self.restarts = 0
        self.crashes = 0

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def administrator(self) -> str: ...

    @abstractmethod
    def make(self) -> None:
        """The folder, and the server in it."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self, *, crash: bool = False) -> None: ...

    @abstractmethod
    def connections(self) -> int:
        """That the database's owner has open."""

    def restart(self, away: float, *, crash: bool) -> None:
        self.stop(crash=crash)
        time.sleep(away)
        for left in (2, 1, 0):
            try:
                self.start()
                break
            except NoServer:
                # A busy machine takes its time to recover.
                if not left:
                    raise
        self.restarts += 1
        self.crashes += crash

    def _run(self, *words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE * 2, cwd="/")
        if done.returncode:
            raise NoServer(f"{words[0]} failed: {done.stdout[-500:]}{done.stderr[-500:]}")

    def _do(self, *statements: str) -> None:
        with self.asking() as connection:
            for statement in statements:
                connection.execute(text(statement))

    @contextmanager
    def asking(self) -> Iterator[Connection]:
        """As the administrator."""
        engine = create_engine(self.administrator, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self.asking():
                    return
            except SQLAlchemyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


class PostgreSQL(Server):
    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    @property
    def administrator(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    @staticmethod
    def found() -> Path:
        """The folder of its programs. Raises NoServer."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
        return found[-1] if found else Path(_program("initdb")).resolve().parent

    def make(self) -> None:
        self._bin = self.found()
        self._as = _somebody_else(self.folder, "postgres")
        self._data = str(self.folder / "data")
        self._run(*self._as, str(self._bin / "initdb"), "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.start()
        self._do(f"CREATE ROLE {NAME} LOGIN PASSWORD '{self.password}'")
        self._do(f"CREATE DATABASE {NAME} OWNER {NAME} TEMPLATE template0 ENCODING 'UTF8'")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=64MB"
        words = ("-D", self._data, "-l", str(self.folder / "data" / "log"), "-o", options, "-w", "-t", "60", "start")
        self._run(*self._as, str(self._bin / "pg_ctl"), *words)
        self._wait()

    def stop(self, *, crash: bool = False) -> None:
        """`immediate` ends all processes without a checkpoint: the next start recovers from the log."""
        mode = "immediate" if crash else "fast"
        self._run(*self._as, str(self._bin / "pg_ctl"), "-D", self._data, "-m", mode, "-w", "-t", "60", "stop")

    def connections(self) -> int:
        with self.asking() as connection:
            query = text("SELECT count(*) FROM pg_stat_activity WHERE usename = :name")
            return int(connection.execute(query, {"name": NAME}).scalar_one())


class MariaDB(Server):
    @property
    def url(self) -> str:
        return f"mariadb+pymysql://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    @property
    def administrator(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/"

    def make(self) -> None:
        self._program = _program("mariadbd")
        self._user = "mysql" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        _somebody_else(self.folder, self._user)
        self._data = self.folder / "data"
        self._run(
            _program("mariadb-install-db"),
            *("--no-defaults", f"--datadir={self._data}", f"--user={self._user}"),
            "--auth-root-authentication-method=normal",
        )
        self.start()
        self._do(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
        # Anybody at this machine is nobody here: an anonymous user would go before ours.
        self._do("DELETE FROM mysql.global_priv WHERE User = ''", "FLUSH PRIVILEGES")
        self._do(f"CREATE USER {NAME}@'127.0.0.1' IDENTIFIED BY '{self.password}'")
        self._do(f"GRANT ALL ON {NAME}.* TO {NAME}@'127.0.0.1'")

    def start(self) -> None:
        words = (
            *(self._program, "--no-defaults", f"--datadir={self._data}", f"--user={self._user}"),
            *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}"),
            *("--skip-name-resolve", "--local-infile=1", "--innodb-buffer-pool-size=64M"),
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, cwd="/")
        self._wait()

    def stop(self, *, crash: bool = False) -> None:
        self._process.send_signal(signal.SIGKILL if crash else signal.SIGTERM)
        self._process.wait(PATIENCE)

    def connections(self) -> int:
        with self.asking() as connection:
            query = text("SELECT count(*) FROM information_schema.processlist WHERE user = :name")
            return int(connection.execute(query, {"name": NAME}).scalar_one())


class SQLite(Server):
    """A file: there is nothing to restart."""

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'replica.db'}"

    administrator = url

    def make(self) -> None: ...
    def start(self) -> None: ...
    def stop(self, *, crash: bool = False) -> None: ...

    def restart(self, away: float, *, crash: bool) -> None: ...

    def connections(self) -> int:
        """Handles of the file, over all processes that this one may look at."""
        return 0


KINDS: dict[str, type[Server]] = {"postgresql": PostgreSQL, "mariadb": MariaDB, "sqlite": SQLite}


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Server]:
    """A fresh server of that kind, gone afterwards. Raises NoServer."""
    server = KINDS[kind](folder)
    server.make()
    try:
        yield server
    finally:
        server.stop(crash=True)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if not found:
        raise NoServer(f"{name} is not installed on this machine")
    return found


def _somebody_else(folder: Path, name: str) -> Sequence[str]:
    """These servers refuse to run as root: what runs a command as their user, to whom the folder is given."""
    if os.getuid() != 0:
        return ()
    try:
        pwd.getpwnam(name)
    except KeyError:
        raise NoServer(f"a server must not run as root, and this machine has no user {name}") from None
    shutil.chown(folder, name)
    return ("runuser", "-u", name, "--")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
