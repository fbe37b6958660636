"""Options from the files that a service reads, in order; a later file wins, also by an old name."""
import configparser

COMMON = {
    'connection': ('sqlite://', [('database', 'connection'), ('DATABASE', 'sql_connection'), ('DEFAULT', 'sql_connection'),
                                 ('sql', 'connection')]),
    'log_file': ('', [('DEFAULT', 'log_file'), ('DEFAULT', 'logfile')]),
    'log_dir': ('', [('DEFAULT', 'log_dir'), ('DEFAULT', 'logdir')]),
    'use_stderr': ('true', [('DEFAULT', 'use_stderr')]),
    'verbose': ('false', [('DEFAULT', 'verbose')]),
    'debug': ('false', [('DEFAULT', 'debug')]),
}


class ConfigFilesNotFound(Exception):
    pass


def read_settings(files, options, optional=False):
    """Values of `options`: {name: (default, [(section, name) that are read, the present name first])}; of `optional`
    files (a service's own defaults) none need be there."""
    values = {name: default for name, (default, _) in options.items()}
    missing = [path for path in files if not _read_file(path, options, values)]
    if missing and not optional:
        raise ConfigFilesNotFound('Failed to read some config files: ' + ','.join(missing))
    return values


def _read_file(path, options, values):
    # no interpolation, no section that the others inherit from: oslo.config knows neither
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section='\0',
                                          inline_comment_prefixes=None)
    if not parser.read(path, encoding='utf-8'):
        return False
    for name, (_, places) in options.items():
        for section, option in places:
            if parser.has_option(section, option):
                values[name] = (parser.get(section, option) or '').strip()
                break
    return True


def is_true(value):
    return value.lower() in ('true', '1', 'on', 'yes')
