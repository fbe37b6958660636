"""Everything that makes two databases equal, read from information_schema and the tables themselves."""
from collections import Counter

QUERIES = {
    'tables': ('TABLE_NAME', '''SELECT TABLE_NAME, ENGINE, TABLE_COLLATION FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = '{0}' '''),
    'columns': ('TABLE_NAME', '''SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT,
        CHARACTER_SET_NAME, COLLATION_NAME, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{0}' '''),
    'indexes': ('TABLE_NAME', '''SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART, INDEX_TYPE
        FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{0}' '''),
    'keys': ('TABLE_NAME', '''SELECT t.TABLE_NAME, t.CONSTRAINT_NAME, t.CONSTRAINT_TYPE, k.ORDINAL_POSITION, k.COLUMN_NAME,
        k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE, c.CHECK_CLAUSE
        FROM information_schema.TABLE_CONSTRAINTS t
        LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA
            AND k.TABLE_NAME = t.TABLE_NAME AND k.CONSTRAINT_NAME = t.CONSTRAINT_NAME
        LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA
            AND r.TABLE_NAME = t.TABLE_NAME AND r.CONSTRAINT_NAME = t.CONSTRAINT_NAME
        LEFT JOIN information_schema.CHECK_CONSTRAINTS c ON c.CONSTRAINT_SCHEMA = t.CONSTRAINT_SCHEMA
            AND c.TABLE_NAME = t.TABLE_NAME AND c.CONSTRAINT_NAME = t.CONSTRAINT_NAME
        WHERE t.TABLE_SCHEMA = '{0}' '''),
}


def describe(server, database):
    """{(table, aspect): sorted rows}"""
    found = {}
    tables = [row[0] for row in server.sql('information_schema', QUERIES['tables'][1].format(database))]
    for aspect, (_, query) in QUERIES.items():
        for table in tables:
            found[table, aspect] = []
        for row in server.sql('information_schema', query.format(database)):
            found[row[0], aspect].append(tuple(row[1:]))
    for table in tables:
        found[table, 'rows'] = list(server.sql(database, f'SELECT * FROM `{table}`'))
    return {key: sorted(rows, key=repr) for key, rows in found.items()}


def differences(actual, expected):
    """Text lines, '-' what is missing, '+' what is too much; empty when equal."""
    lines = []
    for key in sorted(set(actual) | set(expected)):
        # repr: a row may hold what cannot be hashed, and equal rows are counted
        have, want = Counter(map(repr, actual.get(key, []))), Counter(map(repr, expected.get(key, [])))
        lines += [f'- {key[0]} {key[1]}: {row}' for row in (want - have).elements()]
        lines += [f'+ {key[0]} {key[1]}: {row}' for row in (have - want).elements()]
    return lines
