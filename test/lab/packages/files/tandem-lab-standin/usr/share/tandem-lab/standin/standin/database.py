"""The database of [database] connection, with errors worded as SQLAlchemy 0.9 and oslo.db worded them."""
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql

# classes of MySQL-python; a code that is not here is an InternalError
CLASS_OF_CODE = {1045: 'OperationalError', 1044: 'OperationalError', 1049: 'OperationalError', 1130: 'OperationalError',
                 2002: 'OperationalError', 2003: 'OperationalError', 2006: 'OperationalError', 2013: 'OperationalError',
                 1062: 'IntegrityError', 1048: 'IntegrityError', 1451: 'IntegrityError', 1452: 'IntegrityError',
                 1265: 'DataError', 1406: 'DataError', 1064: 'ProgrammingError', 1146: 'ProgrammingError'}


class Failure(Exception):
    """What ends a manage command: the class that is printed, and the text behind it."""

    def __init__(self, failure_class, text):
        super().__init__(text)
        self.failure_class = failure_class


class Database:
    def __init__(self, connection, sql_mode=None):
        url = urlsplit(connection)
        if not url.scheme.startswith('mysql'):
            raise Failure('ArgumentError', f'stand-in: no driver for {url.scheme or "an empty connection"}, only mysql')
        query = parse_qs(url.query)
        self.name = url.path.lstrip('/')
        options = {'host': url.hostname or 'localhost', 'port': url.port or 3306, 'user': unquote(url.username or ''),
                   'password': unquote(url.password or ''), 'database': self.name}
        if 'unix_socket' in query:
            options['unix_socket'] = query['unix_socket'][0]
        try:
            self._connection = pymysql.connect(**options, charset='utf8', autocommit=True, connect_timeout=10, sql_mode=sql_mode)
        except pymysql.MySQLError as error:
            raise _failure(error, None) from None

    def run(self, statement, parameters=()):
        """Rows of one statement."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(statement, parameters or None)
            except pymysql.MySQLError as error:
                raise _failure(error, statement, parameters) from None
            return cursor.fetchall()

    def rows(self, statement, parameters=()):
        """Rows as dictionaries."""
        with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall()

    def tables(self):
        return [name for (name,) in self.run('SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s',
                                             (self.name,))]

    def close(self):
        self._connection.close()


def _failure(error, statement, parameters=()):
    code, text = error.args[0], str(error.args[1]) if len(error.args) > 1 else ''
    inner = CLASS_OF_CODE.get(code, 'InternalError')
    # the driver's own texts (2xxx) were byte strings, the server's were unicode
    shown = repr(text) if 2000 <= code < 3000 else 'u' + repr(text)
    if statement is None:
        return Failure(inner, f'({inner}) ({code}, {shown}) None None')
    outer = 'OperationalError' if inner == 'OperationalError' else 'DBError'
    return Failure(outer, f'({inner}) ({code}, {shown}) {statement!r} {tuple(parameters)!r}')
