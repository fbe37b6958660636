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
    """Besides the scheduler's own: what nova asks of the API (os-reserve, os-attach and so on), by a message and not by REST."""

    def __init__(self, service):
        self._service, self._broker = service, Broker(service.settings, 'cinder')
        self.handlers = {'create_volume': self.create_volume, 'begin': self.begin, 'attach': self.attach, 'detach': self.detach}

    def _run(self, statement, *parameters):
        database = self._service.database()
        try:
            return database.run(statement, parameters)
        finally:
            database.close()

    def create_volume(self, id):  # pylint: disable=redefined-builtin
        self._broker.cast('cinder-volume', 'create_volume', {'id': id})

    def begin(self, id, before, status):  # pylint: disable=redefined-builtin
        rows = self._run('SELECT status FROM volumes WHERE deleted = 0 AND id = %s', id)
        if not rows:
            raise LookupError(f'Volume {id} could not be found.')
        if rows[0][0] != before:
            raise ValueError(f"Invalid volume: status must be '{before}', it is '{rows[0][0]}'")
        self._run('UPDATE volumes SET status = %s WHERE id = %s', status, id)

    def attach(self, id, instance, device):  # pylint: disable=redefined-builtin
        self._run("UPDATE volumes SET status = 'in-use', attach_status = 'attached', instance_uuid = %s, mountpoint = %s, attach_time = UTC_TIMESTAMP() WHERE id = %s", instance, device, id)

    def detach(self, id):  # pylint: disable=redefined-builtin
        self._run("UPDATE volumes SET status = 'available', attach_status = 'detached', instance_uuid = NULL, mountpoint = NULL, attach_time = NULL WHERE id = %s", id)


def listen(service):
    broker = Broker(service.settings, 'cinder')
    served = (Volume if service.program == 'cinder-volume' else Scheduler)(service)
    topics = ['cinder-volume', f'cinder-volume.{service.host}'] if service.program == 'cinder-volume' else ['cinder-scheduler']
    for topic in topics:
        service.thread(broker.serve, topic, served.handlers, '1.0', service.stopped, service.failed)
