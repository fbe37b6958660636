"""Options from the files that Keystone reads: the distribution's, then the site's; a later file wins, also by an old name."""
import configparser

DEFAULT_FILES = ['/usr/share/keystone/keystone-dist.conf', '/etc/keystone/keystone.conf']

# option -> (default, [(section, name) that are read, the present name first])
OPTIONS = {
    'connection': ('sqlite:///keystone.sqlite', [('database', 'connection'), ('DATABASE', 'sql_connection'),
                                                 ('DEFAULT', 'sql_connection'), ('sql', 'connection')]),
    'admin_token': ('ADMIN', [('DEFAULT', 'admin_token')]),
    'admin_bind_host': ('0.0.0.0', [('DEFAULT', 'admin_bind_host'), ('DEFAULT', 'bind_host')]),
    'public_bind_host': ('0.0.0.0', [('DEFAULT', 'public_bind_host'), ('DEFAULT', 'bind_host')]),
    'admin_port': ('35357', [('DEFAULT', 'admin_port')]),
    'public_port': ('5000', [('DEFAULT', 'public_port')]),
    'log_file': ('', [('DEFAULT', 'log_file'), ('DEFAULT', 'logfile')]),
    'log_dir': ('', [('DEFAULT', 'log_dir'), ('DEFAULT', 'logdir')]),
    'use_stderr': ('true', [('DEFAULT', 'use_stderr')]),
    'verbose': ('false', [('DEFAULT', 'verbose')]),
    'debug': ('false', [('DEFAULT', 'debug')]),
    'expiration': ('3600', [('token', 'expiration')]),
}


class ConfigFilesNotFound(Exception):
    pass


def read_settings(files):
    values = {name: default for name, (default, _) in OPTIONS.items()}
    missing = [path for path in files if not _read_file(path, values)]
    if missing and files != DEFAULT_FILES:
        raise ConfigFilesNotFound('Failed to read some config files: ' + ','.join(missing))
    return values


def _read_file(path, values):
    # no interpolation, no section that the others inherit from: oslo.config knows neither
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section='\0',
                                          inline_comment_prefixes=None)
    if not parser.read(path, encoding='utf-8'):
        return False
    for name, (_, places) in OPTIONS.items():
        for section, option in places:
            if parser.has_option(section, option):
                values[name] = (parser.get(section, option) or '').strip()
                break
    return True


def is_true(value):
    return value.lower() in ('true', '1', 'on', 'yes')
