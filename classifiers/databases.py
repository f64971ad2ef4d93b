"""Studies in a database: opened with Optuna, and complaints that keep the password."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import URL, create_engine, event, inspect, make_url
from sqlalchemy.exc import IntegrityError, NoSuchModuleError, OperationalError, SQLAlchemyError

from data.errors import BlastlineError

CONNECTION = {  # seconds to wait, under each driver's name for it
    "sqlite": {"timeout": 60, "isolation_level": None},  # _connect begins transactions
    "postgresql": {"connect_timeout": 10},
    "mysql": {"connect_timeout": 10},
}


def open_database(where: str, beat: int, silence: int) -> RDBStorage:
    """Optuna's storage in a database; its tables are made if there are none at all.

    Args:
        where: a URL such as ``postgresql://USER:PASSWORD@HOST/DATABASE`` or ``sqlite:///FILE``.
        beat: seconds between two signs of life of a process that runs a trial.
        silence: seconds without one after which it counts as dead.

    Raises:
        BlastlineError: no such driver, server, user or database; tables that are not Optuna's.
    """
    with database_errors(where):
        try:
            url = make_url(where)
            if url.drivername == "postgresql":  # which driver that means depends on SQLAlchemy
                url = url.set(drivername="postgresql+psycopg")
            for _ in range(3):
                try:
                    return _connect(url, beat, silence)
                except SQLAlchemyError as error:
                    clash = isinstance(error, IntegrityError) or "already exists" in str(error)
                    if not clash:  # with another process that makes the tables at this moment
                        raise
            return _connect(url, beat, silence)
        except (RuntimeError, ValueError) as error:  # an old schema, an odd port
            raise BlastlineError(_complaint(where, error)) from None


def _connect(url: URL, beat: int, silence: int) -> RDBStorage:
    options: dict[str, Any] = {
        "pool_pre_ping": True,  # a trial may outlast an idle connection
        "connect_args": CONNECTION.get(url.get_backend_name(), {}),
    }
    engine = create_engine(url, **options)
    try:
        tables = inspect(engine).get_table_names()
    finally:
        engine.dispose()
    if tables and "studies" not in tables:
        raise ValueError(f"it holds other tables than Optuna's ({', '.join(tables[:3])})")
    storage = RDBStorage(
        url.render_as_string(hide_password=False), options,
        heartbeat_interval=beat, grace_period=silence,
    )  # fmt: skip
    if url.get_backend_name() == "sqlite":
        # It knows no SELECT FOR UPDATE: without this two processes may take the same trial.
        event.listen(
            storage.engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE")
        )
    weakref.finalize(storage, storage.engine.dispose)  # closes its connections
    storage.get_all_studies()  # a table may bear the name only
    return storage


@contextmanager
def database_errors(where: str) -> Iterator[None]:
    """Turn what a database complains of into one line with the mend, without the password.

    Raises:
        BlastlineError: in place of the errors of SQLAlchemy, of its drivers and of Optuna.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        raise BlastlineError(_complaint(where, error)) from None


def without_password(where: str) -> str:
    """The URL as it may be shown; of one that cannot be read, only what stands before ``://``."""
    try:
        url = make_url(where)
    except (SQLAlchemyError, ValueError):
        return where.partition("://")[0] + "://..."
    return url.difference_update_query(_secrets(url)).render_as_string(hide_password=True)


def _secrets(url: URL) -> list[str]:
    return [key for key in url.query if "pass" in key.lower()]


def _complaint(where: str, error: BaseException) -> str:
    inner = error.__cause__ if isinstance(error, StorageInternalError) else None
    cause = inner or error
    said = str(getattr(cause, "orig", None) or cause)
    try:
        url = make_url(where)
        for password in (url.password, *(url.query[key] for key in _secrets(url))):
            said = said.replace(str(password), "***") if password else said
    except (SQLAlchemyError, ValueError):
        said = "not the URL of a database"
    if isinstance(cause, ImportError | NoSuchModuleError):
        mend = "install its driver (PostgreSQL: .venv/bin/pip install -e '.[postgresql]')"
    elif isinstance(cause, OperationalError):
        mend = "check that the server runs, and the user, password and database in the URL"
    elif isinstance(cause, RuntimeError):  # an old or new schema: Optuna says what to do
        mend = "or give an empty database"
    else:
        mend = (
            "expected an empty database or one that Optuna made: "
            "postgresql://USER:PASSWORD@HOST/DATABASE or sqlite:///FILE"
        )
    return f"storage {without_password(where)}: {said.rstrip('. ')}; {mend}"
