"""Options that the Keystone stand-in reads: the distribution's file, then the site's."""
from standin import settings

DEFAULT_FILES = ['/usr/share/keystone/keystone-dist.conf', '/etc/keystone/keystone.conf']

OPTIONS = {
    **settings.COMMON,
    'admin_token': ('ADMIN', [('DEFAULT', 'admin_token')]),
    'admin_bind_host': ('0.0.0.0', [('DEFAULT', 'admin_bind_host'), ('DEFAULT', 'bind_host')]),
    'public_bind_host': ('0.0.0.0', [('DEFAULT', 'public_bind_host'), ('DEFAULT', 'bind_host')]),
    'admin_port': ('35357', [('DEFAULT', 'admin_port')]),
    'public_port': ('5000', [('DEFAULT', 'public_port')]),
    'expiration': ('3600', [('token', 'expiration')]),
}


def read_settings(files):
    return settings.read_settings(files, OPTIONS, optional=files == DEFAULT_FILES)
