"""Which program does what. Imports are late: a manage command needs no service."""

HEARTBEATS = {'nova-cert': 'cert', 'nova-consoleauth': 'consoleauth', 'nova-scheduler': 'scheduler', 'nova-conductor': 'conductor',
              'cinder-scheduler': 'cinder-scheduler', 'cinder-volume': 'cinder-volume', 'cinder-backup': 'cinder-backup'}


def run(program, arguments):
    """Exit status."""
    if program == 'neutron-db-manage':
        from .alembic import neutron_db_manage
        return neutron_db_manage(arguments)
    if program.endswith('-manage'):
        from .manage import manage
        return manage(program[:-len('-manage')], arguments)
    if program == 'nova-compute':
        from .nova_compute import nova_compute
        return nova_compute(arguments)
    if program.endswith('-cleanup'):
        from .neutron_agents import cleanup
        return cleanup(program, arguments)
    if program.startswith('neutron-') and program.endswith('-agent'):
        from .neutron_agents import agent
        return agent(program, arguments)
    if program == 'httpd':
        from .horizon import httpd
        return httpd(arguments)
    if program in ('libvirtd', 'virsh'):
        from . import libvirt
        return getattr(libvirt, program)(arguments)
    if program in HEARTBEATS:
        return worker(program, arguments)
    return api(program, arguments)


def worker(program, arguments):
    """A service without an API: its row, and the messages that it takes."""
    from .service import Service
    service = Service(program.split('-')[0], program, arguments)
    service.beat_for_ever(HEARTBEATS[program])
    if program == 'nova-conductor':
        from .nova_conductor import Conductor
        from .rpc import Broker
        service.thread(Broker(service.settings, 'nova').serve, 'conductor', Conductor(service).handlers, '2.0', service.stopped, service.failed)
    if program in ('cinder-volume', 'cinder-scheduler'):
        from .cinder_volume import listen
        listen(service)
    service.ready()
    return service.wait()


def api(program, arguments):
    from .service import Service
    from .web import Server
    service = Service(program.split('-')[0], program, arguments)
    for host, port, served in served_by(program, service):
        try:
            server = Server((host, int(port)), served)
        except OSError as error:
            service.log.failure(service.project, 'error', f'[Errno {error.errno}] {error.strerror}')
            return 1
        service.log.write('INFO', f'{service.project}.wsgi', f'({program}) listening on {host}:{port}')
        service.thread(server.serve_forever)
    service.ready()
    return service.wait()


def served_by(program, service):
    """[(address, port, API)]"""
    settings, log = service.settings, service.log
    if program == 'cinder-api':
        from .cinder import Cinder
        return [(settings['osapi_volume_listen'], settings['osapi_volume_listen_port'], Cinder(settings, log))]
    if program in ('glance-api', 'glance-registry'):
        from .glance import Glance, Registry
        served, port = (Glance, '9292') if program == 'glance-api' else (Registry, '9191')
        return [(settings['bind_host'], settings['bind_port'] or port, served(settings, log))]
    if program == 'neutron-server':
        from .neutron import Neutron
        from .neutron_agents import Listener
        from .rpc import Broker
        service.thread(Broker(settings, 'neutron').serve, 'q-plugin', Listener(service).handlers, '1.0', service.stopped, service.failed)
        return [(settings['bind_host'], settings['bind_port'], Neutron(settings, log))]
    if program == 'nova-novncproxy':
        from .nova_metadata import Page
        return [(settings['novncproxy_host'], settings['novncproxy_port'], Page(settings, log))]
    if program == 'nova-api':
        from .nova import Nova
        from .nova_metadata import Metadata
        kinds = {'osapi_compute': (settings['osapi_compute_listen'], settings['osapi_compute_listen_port'], Nova(settings, log)),
                 'metadata': (settings['metadata_listen'], settings['metadata_listen_port'], Metadata(settings, log))}
        return [kinds[name] for name in settings['enabled_apis'].replace(' ', '').split(',') if name in kinds]
    raise SystemExit(f'{program}: a stand-in of the Tandem lab that does not know its name')
