"""Makes the empty databases of the old controller by the services' own migrations, as far as an older release had them."""
import sys

from alembic import command
from oslo_config import cfg
from oslo_db import options
from sqlalchemy import create_engine

service, url, revision = sys.argv[1:]


def alembic_config():
    if service == 'keystone':
        from keystone.common.sql import upgrades
        return upgrades._find_alembic_conf()
    if service == 'cinder':
        from cinder.db import migration
        return migration._find_alembic_conf()
    if service in ('nova', 'nova_api'):
        from nova.db import migration
        return migration._find_alembic_conf('api' if service == 'nova_api' else 'main')
    if service == 'placement':
        from placement import conf
        from placement.db.sqlalchemy import migration
        conf.register_opts(cfg.CONF)
        cfg.CONF.set_override('connection', url, 'placement_database')
        from placement import db_api
        db_api.configure(cfg.CONF)
        return migration._alembic_config()
    raise SystemExit(f'no service {service}')


options.set_defaults(cfg.CONF, connection=url)
config = alembic_config()
config.set_main_option('sqlalchemy.url', url)
config.attributes['configure_logger'] = False
config.attributes['connection'] = create_engine(url).connect()
command.upgrade(config, revision)
