"""Which program does what."""


def run(program, arguments):
    """Exit status. Imports are late: a manage command needs no service."""
    if program == 'neutron-db-manage':
        from .alembic import neutron_db_manage
        return neutron_db_manage(arguments)
    if program.endswith('-manage'):
        from .manage import manage
        return manage(program[:-len('-manage')], arguments)
    raise SystemExit(f'{program}: a stand-in of the Tandem lab that does not know its name')
