"""Write the next revision from the tables: `python -m server.migrations.generate "what changes"`.

Alembic compares an upgraded, empty SQLite database with the tables of `server.storage.tables`; read what it wrote
before committing it. CHECK constraints and triggers are not compared and are written by hand.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from server.migrations import config, upgrade
from server.storage.database import Database


def main() -> None:
    message = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.db'}")
        upgrade(database)
        with database.engine.connect() as connection, connection.begin():
            settings = config(connection)
            number = sum(1 for _ in ScriptDirectory.from_config(settings).walk_revisions()) + 1
            command.revision(settings, message, autogenerate=True, rev_id=f"{number:04}")
        database.close()


if __name__ == "__main__":
    main()
