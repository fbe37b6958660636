"""Migrations as data: schema/PROJECT.sql, statement by statement in the order of the real ones, since MySQL commits DDL at
once and an interrupted migration leaves what the real one leaves.

    -- to 25                       the statements below lead to this version (a number, or an alembic revision)
    -- unless table NAME           the next statement is left out where there is such a table (checkfirst, or healing)
    -- unless column TABLE.NAME
    -- if table NAME
"""
import os
import re

FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), '../schema')
# SQLAlchemy's own DDL begins with an empty line; what migrate and alembic put together does not. Errors quote it.
PLAIN = re.compile(r'CREATE (UNIQUE )?INDEX|INSERT|UPDATE|DELETE|ALTER TABLE \w+ (ADD CONSTRAINT|ADD UNIQUE|ADD PRIMARY|DROP (PRIMARY|FOREIGN|INDEX)|MODIFY|RENAME)')


class Statement:
    def __init__(self, text, condition):
        self.text, self._condition = text if PLAIN.match(text) else '\n' + text, condition

    def run(self, database):
        if self._condition is None or self._applies(database):
            database.run(self.text.replace('%', '%%') if '%' in self.text else self.text)

    def _applies(self, database):
        word, kind, name = self._condition
        table, _, column = name.partition('.')
        rows = database.run('SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s '
                            'AND (%s = %s OR COLUMN_NAME = %s)', (database.name, table, kind, 'table', column))
        return (rows[0][0] > 0) == (word == 'if')


def read_steps(project):
    """[(version as text, [statements])] in order."""
    steps, condition, lines = [], None, []
    with open(os.path.join(FOLDER, f'{project}.sql'), encoding='utf-8') as file:
        for line in file:
            marked = re.match(r'-- (?:(to) (\S+)|(unless|if) (table|column) (\S+))', line)
            if marked and marked[1]:
                steps.append((marked[2], []))
            elif marked:
                condition = marked.groups()[2:]
            elif not line.startswith('--') and line.strip():
                lines.append(line)
                if line.rstrip().endswith(';'):
                    steps[-1][1].append(Statement(''.join(lines).strip().rstrip(';'), condition))
                    condition, lines = None, []
    return steps


def run_step(database, statements):
    for statement in statements:
        statement.run(database)
