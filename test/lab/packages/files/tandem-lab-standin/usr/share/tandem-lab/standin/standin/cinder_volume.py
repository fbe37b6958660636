"""cinder-scheduler and cinder-volume: volumes become available, and go; no storage is touched."""
from .rpc import Broker

POOL = 'standin'


class Volume:
    def __init__(self, service):
        self._service = service
        self.handlers = {'create_volume': self.create_volume, 'delete_volume': self.delete_volume}

    def _run(self, statement, *parameters):
        database = self._service.database()
        try:
            database.run(statement, parameters)
        finally:
            database.close()

    def create_volume(self, id):  # pylint: disable=redefined-builtin # the message's own name
        # Juno writes host#pool; what came from Icehouse keeps its host
        self._run("UPDATE volumes SET status = 'available', host = %s, scheduled_at = UTC_TIMESTAMP(), launched_at = UTC_TIMESTAMP() WHERE id = %s",
                  f'{self._service.host}#{POOL}', id)

    def delete_volume(self, id):  # pylint: disable=redefined-builtin
        self._run("UPDATE volumes SET status = 'deleted', deleted = 1, deleted_at = UTC_TIMESTAMP(), terminated_at = UTC_TIMESTAMP() WHERE id = %s", id)


class Scheduler:
    def __init__(self, service):
        self._broker = Broker(service.settings, 'cinder')
        self.handlers = {'create_volume': self.create_volume}

    def create_volume(self, id):  # pylint: disable=redefined-builtin
        self._broker.cast('cinder-volume', 'create_volume', {'id': id})


def listen(service):
    broker = Broker(service.settings, 'cinder')
    served = (Volume if service.program == 'cinder-volume' else Scheduler)(service)
    topics = ['cinder-volume', f'cinder-volume.{service.host}'] if service.program == 'cinder-volume' else ['cinder-scheduler']
    for topic in topics:
        service.thread(broker.serve, topic, served.handlers, '1.0', service.stopped, service.failed)
