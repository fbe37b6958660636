"""The metadata service, as neutron's proxy asks it. Every answer about an instance goes through the conductor's client: what
service-list does not show, a wrong conductor cap, shows here as a 500."""
import hashlib
import hmac

from .database import Database
from .nova_rules import assert_conductor_cap
from .web import JSON, PLAIN, UTF8, Answer, Api, Fault

VERSIONS = '1.0\n2007-01-19\n2007-03-01\n2007-08-29\n2007-10-10\n2007-12-15\n2008-02-01\n2008-09-01\n2009-04-04\nlatest'
KEYS = ('ami-id ami-launch-index ami-manifest-path block-device-mapping/ hostname instance-action instance-id instance-type kernel-id local-hostname '
        'local-ipv4 placement/ public-hostname public-ipv4 ramdisk-id reservation-id security-groups')
TITLES = {400: '400 Bad Request', 403: '403 Forbidden', 404: '404 Not Found', 500: '500 Internal Server Error'}


class Metadata(Api):
    name = 'nova.api.metadata.handler'

    def opened(self, request):
        if request.path == '/':
            return Answer(200, VERSIONS, PLAIN + UTF8)
        instance = request.headers.get('x-instance-id')
        if instance is None:
            raise Fault(400, 'X-Instance-ID header is missing from request.')
        signature = hmac.new(self.settings['metadata_secret'].encode(), instance.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signature, request.headers.get('x-instance-id-signature', '')):
            raise Fault(403, 'Invalid proxy request signature.')
        assert_conductor_cap(self.settings['cap_conductor'])
        database = Database(self.settings['connection'])
        try:
            rows = database.rows('SELECT * FROM instances WHERE deleted = 0 AND uuid = %s', (instance,))
        finally:
            database.close()
        if not rows:
            raise Fault(404, 'The resource could not be found.')
        return self._about(request, rows[0])

    def _about(self, request, row):
        if request.path.endswith('meta_data.json'):
            return Answer(200, {'uuid': row['uuid'], 'availability_zone': row['availability_zone'], 'hostname': f"{row['hostname']}.novalocal",
                                'launch_index': row['launch_index'], 'name': row['display_name']}, JSON + UTF8)
        key = request.path.rstrip('/').rsplit('/', 1)[-1]
        if key == 'instance-id':
            return Answer(200, f"i-{row['id']:08x}", PLAIN + UTF8)
        if key == 'hostname':
            return Answer(200, f"{row['hostname']}.novalocal", PLAIN + UTF8)
        if key != 'meta-data':
            raise Fault(404, 'The resource could not be found.')
        return Answer(200, KEYS.replace(' ', '\n'), PLAIN + UTF8)

    def fault(self, _request, fault):
        return Answer(fault.status, f'{TITLES[fault.status]}\n\n{fault.message}\n\n   ', PLAIN + UTF8)

    def broken(self, request):
        return self.fault(request, Fault(500, 'An unknown error has occurred. Please try your request again.'))


class Page(Api):
    """novncproxy: the page is there, consoles are not."""
    name = 'nova.console.websocketproxy'

    def opened(self, request):
        if request.path in ('/', '/vnc_auto.html'):
            return Answer(200, '<html><title>noVNC</title>stand-in of the Tandem lab: there is no console behind this page</html>', 'text/html')
        return Answer(404, 'File not found', PLAIN)
