"""Image API v1 and v2, and the registry that v1 asks."""
import hashlib
import os
import socket
import uuid

from .web import HTML_UTF8, JSON, NOT_FOUND, PLAIN, UTF8, Answer, Api, Fault, stamp

CREDENTIALS = ('401 Unauthorized\n\nThis server could not verify that you are authorized to access the document you requested. Either you '
               'supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials '
               'required.\n\n   ')
ID = '([0-9a-fA-F-]+)'
TITLES = {400: '400 Bad Request', 403: '403 Forbidden', 404: '404 Not Found', 409: '409 Conflict'}
LEADS = {400: 'The server could not comply with the request since it is either malformed or otherwise incorrect.',
         404: 'The resource could not be found.', 409: 'There was a conflict when trying to complete your request.'}


class Store:
    """The file store; a damaged file is served as it is."""

    def __init__(self, folder):
        self._folder = folder

    def path(self, image):
        return os.path.join(self._folder, image)

    def read(self, image):
        with open(self.path(image), 'rb') as file:
            return file.read()

    def write(self, image, data):
        with open(self.path(image), 'wb') as file:
            file.write(data)


class Images(Api):
    """What the API and the registry have in common."""

    def __init__(self, settings, log):
        super().__init__(settings, log)
        self.store = Store(settings['store'])

    def broken(self, _request):
        return Answer(500, None, PLAIN)

    def visible(self, request, every=False):
        """Rows that the request may see: public, own, shared; of an admin's who asks, all."""
        rows = request.rows('SELECT * FROM images WHERE deleted = 0 ORDER BY created_at DESC, id DESC')
        shared = {row['image_id'] for row in request.rows('SELECT image_id FROM image_members WHERE deleted = 0 AND member = %s', request.token['tenant'])}
        return [row for row in rows if (every and request.admin) or row['is_public'] or row['owner'] == request.token['tenant'] or row['id'] in shared]

    def properties(self, request, image):
        return {row['name']: row['value'] for row in request.rows('SELECT name, value FROM image_properties WHERE deleted = 0 AND image_id = %s', image)}

    def view_v1(self, request, row):
        shown = {name: row[name] for name in ('status', 'name', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'id', 'checksum', 'owner', 'virtual_size')}
        return {**shown, 'size': row['size'] or 0, 'deleted': False, 'deleted_at': None, 'created_at': stamp(row['created_at'], '%Y-%m-%dT%H:%M:%S'),
                'updated_at': stamp(row['updated_at'], '%Y-%m-%dT%H:%M:%S'), 'protected': bool(row['protected']),
                'is_public': bool(row['is_public']), 'properties': self.properties(request, row['id'])}


class Registry(Images):
    name = 'glance.registry'
    routes = [('GET', '/images/detail', 'detail')]

    def fault(self, _request, _fault):
        return Answer(404, NOT_FOUND, PLAIN + UTF8)

    def detail(self, request):
        views = []
        for row in self.visible(request):
            locations = request.rows("SELECT id, value, status, meta_data FROM image_locations WHERE deleted = 0 AND image_id = %s", row['id'])
            data = [{'id': entry['id'], 'url': entry['value'], 'status': entry['status'], 'metadata': {}} for entry in locations]
            views.append({**self.view_v1(request, row), 'location_data': data, 'location': data[0]['url'] if data else None})
        return Answer(200, {'images': views}, JSON + UTF8, [('X-Openstack-Request-Id', request.id)])


class Glance(Images):
    name = 'glance.api'
    routes = [('GET', '/v1/images', 'list_v1'), ('GET', '/v1/images/detail', 'detail_v1'), ('HEAD', f'/v1/images/{ID}', 'head'),
              ('GET', f'/v1/images/{ID}', 'download_v1'), ('POST', '/v1/images', 'create_v1'), ('PUT', f'/v1/images/{ID}', 'upload_v1'),
              ('DELETE', f'/v1/images/{ID}', 'delete_v1'), ('GET', f'/v1/images/{ID}/members', 'members_v1'),
              ('GET', '/v2/images', 'list_v2'), ('GET', f'/v2/images/{ID}', 'show_v2'), ('GET', f'/v2/images/{ID}/file', 'download_v2'),
              ('POST', '/v2/images', 'create_v2'), ('DELETE', f'/v2/images/{ID}', 'delete_v2'), ('GET', f'/v2/images/{ID}/members', 'members_v2')]

    def opened(self, request):
        if not request.path.startswith(('/v1/', '/v2/')):
            ids = [('v2.2', 'v2', 'CURRENT'), ('v2.1', 'v2', 'SUPPORTED'), ('v2.0', 'v2', 'SUPPORTED'), ('v1.1', 'v1', 'SUPPORTED'), ('v1.0', 'v1', 'SUPPORTED')]
            return Answer(300, {'versions': [{'status': status, 'id': name, 'links': [{'href': f'{request.url}/{path}/', 'rel': 'self'}]}
                                             for name, path, status in ids]}, JSON + UTF8)
        return None

    def answer(self, request):
        answer = super().answer(request)
        if request.token and answer.status != 500:
            answer.headers.append(('X-Openstack-Request-Id', request.id))
        return answer

    def unauthorized(self, _request):
        return Answer(401, CREDENTIALS, PLAIN + UTF8, [('Www-Authenticate', f"Keystone uri='{self.keystone.uri()}'")])

    def fault(self, _request, fault):
        if fault.more.get('route'):
            return Answer(404, NOT_FOUND, PLAIN + UTF8)
        lead = LEADS[fault.status] + f'\n\n {fault.message}  ' if fault.more.get('lead') else f'{fault.message}\n\n   '
        return Answer(fault.status, f'{TITLES[fault.status]}\n\n{lead}', PLAIN + UTF8)

    def body(self, request, name=None):
        try:
            return super().body(request, name)
        except Fault:
            raise Fault(400, 'Malformed JSON in request body.') from None

    def prepared(self, request, handler, arguments):
        if request.path.startswith('/v1/'):
            # v1 asks the registry for everything
            socket.create_connection((self.settings['registry_host'].replace('0.0.0.0', '127.0.0.1'), int(self.settings['registry_port'])), 5).close()
        return handler(request, *arguments)

    def row(self, request, image, version):
        row = next((row for row in self.visible(request, every=True) if row['id'] == image), None)
        if row is None and version == 1:
            raise Fault(404, f'Image with identifier {image} not found', lead=True)
        if row is None:
            raise Fault(404, f'No image found with ID {image}')
        return row

    def page(self, request, rows):
        if 'sort_key' in request.query:
            rows = sorted(rows, key=lambda row: str(row.get(request.query['sort_key'])), reverse=request.query.get('sort_dir') == 'desc')
        if 'marker' in request.query:
            ids = [row['id'] for row in rows]
            rows = rows[ids.index(request.query['marker']) + 1:] if request.query['marker'] in ids else rows
        return rows[:int(request.query.get('limit') or 25)]

    def list_v1(self, request):
        names = ('name', 'container_format', 'disk_format', 'checksum', 'id', 'size')
        return Answer(200, {'images': [{name: row[name] for name in names} for row in self.page(request, self.visible(request))]}, JSON + UTF8)

    def detail_v1(self, request):
        rows = self.visible(request, every=request.query.get('is_public') == 'None')
        return Answer(200, {'images': [self.view_v1(request, row) for row in self.page(request, rows)]}, JSON + UTF8)

    def meta(self, request, row):
        """v1 metadata as headers: nothing that is null."""
        view = self.view_v1(request, row)
        found = [(f'X-Image-Meta-Property-{name.capitalize()}', value) for name, value in view.pop('properties').items()]
        found += [(f'X-Image-Meta-{name.capitalize()}', str(value)) for name, value in view.items() if value is not None]
        return found + ([('Etag', row['checksum'])] if row['checksum'] else [])

    def head(self, request, image):
        return Answer(200, None, HTML_UTF8, self.meta(request, self.row(request, image, 1)))

    def data(self, row):
        try:
            return self.store.read(row['id'])
        except FileNotFoundError:
            raise Fault(404, 'Image %(image)s not found') from None

    def download_v1(self, request, image):
        row = self.row(request, image, 1)
        if row['status'] != 'active':
            raise Fault(404, f'Image {image} is not active', lead=True)
        data = self.data(row)
        return Answer(200, data, 'application/octet-stream', self.meta(request, {**row, 'size': len(data)}))

    def download_v2(self, request, image):
        row = self.row(request, image, 2)
        if row['status'] != 'active':
            return Answer(204, None, HTML_UTF8)
        data = self.data(row)
        return Answer(200, data, 'application/octet-stream', [('Content-Md5', row['checksum']), ('Content-Length', str(row['size']))])

    def insert(self, request, fields, data):
        image = str(uuid.uuid4())
        checksum = hashlib.md5(data).hexdigest() if data else None
        if data and fields.get('checksum') not in (None, checksum):
            raise Fault(400, f"Supplied checksum ({fields['checksum']}) and checksum generated from uploaded image ({checksum}) did not "
                        "match. Setting image status to 'killed'.")
        request.run('INSERT INTO images (id, name, size, status, is_public, created_at, updated_at, deleted, disk_format, container_format, owner, '
                    "min_disk, min_ram, protected) VALUES (%s, %s, NULL, 'queued', %s, UTC_TIMESTAMP(), UTC_TIMESTAMP(), 0, %s, %s, %s, 0, 0, 0)",
                    image, fields.get('name'), str(fields.get('is_public')).lower() == 'true', fields.get('disk_format'), fields.get('container_format'), request.token['tenant'])
        if data:
            self.fill(request, image, data)
        return self.row(request, image, 1)

    def fill(self, request, image, data):
        self.store.write(image, data)
        request.run("UPDATE images SET status = 'active', size = %s, checksum = %s, updated_at = UTC_TIMESTAMP() WHERE id = %s",
                    len(data), hashlib.md5(data).hexdigest(), image)
        request.run("INSERT INTO image_locations (image_id, value, created_at, updated_at, deleted, meta_data, status) VALUES (%s, %s, UTC_TIMESTAMP(), "
                    "UTC_TIMESTAMP(), 0, '{}', 'active')", image, f'file://{self.store.path(image)}')

    def create_v1(self, request):
        fields = {name[len('x-image-meta-'):]: value for name, value in request.headers.items() if name.startswith('x-image-meta-')}
        row = self.insert(request, fields, request.raw)
        return Answer(201, {'image': self.view_v1(request, row)}, JSON, [('Location', f"{request.url}/v1/images/{row['id']}")])

    def upload_v1(self, request, image):
        row = self.row(request, image, 1)
        bad = next((name for name in request.headers if name == 'x-image-meta-purge-props'), None)
        if bad:
            raise Fault(400, f'Bad header: {bad}', lead=True)
        if row['status'] != 'queued':
            raise Fault(409, 'Cannot upload to an unqueued image', lead=True)
        self.fill(request, image, request.raw)
        row = self.row(request, image, 1)
        return Answer(200, {'image': self.view_v1(request, row)}, JSON, [('Etag', row['checksum'])])

    def remove(self, request, row, message):
        if not request.admin and row['owner'] != request.token['tenant']:
            raise Fault(403, message)
        request.run("UPDATE images SET deleted = 1, status = 'deleted', deleted_at = UTC_TIMESTAMP() WHERE id = %s", row['id'])
        if os.path.exists(self.store.path(row['id'])):
            os.unlink(self.store.path(row['id']))

    def delete_v1(self, request, image):
        self.remove(request, self.row(request, image, 1), 'Forbidden to delete image: 403 Forbidden  Access was denied to this resource.     ')
        return Answer(200, None, HTML_UTF8)

    def delete_v2(self, request, image):
        self.remove(request, self.row(request, image, 2), 'You are not permitted to delete this image.')
        return Answer(204, None, HTML_UTF8)

    def view_v2(self, request, row):
        own = f"/v2/images/{row['id']}"
        shown = {name: row[name] for name in ('status', 'name', 'container_format', 'disk_format', 'min_disk', 'min_ram', 'id', 'owner', 'checksum', 'size')}
        location = request.one('SELECT value FROM image_locations WHERE deleted = 0 AND image_id = %s', row['id'])
        shown.update(self.properties(request, row['id']), self=own, file=f'{own}/file', schema='/v2/schemas/image', protected=bool(row['protected']),
                     visibility='public' if row['is_public'] else 'private', created_at=stamp(row['created_at'], '%Y-%m-%dT%H:%M:%SZ'),
                     updated_at=stamp(row['updated_at'], '%Y-%m-%dT%H:%M:%SZ'), direct_url=location['value'] if location else None,
                     tags=[tag['value'] for tag in request.rows('SELECT value FROM image_tags WHERE deleted = 0 AND image_id = %s', row['id'])])
        return {name: value for name, value in shown.items() if value is not None}

    def list_v2(self, request):
        rows = self.visible(request, every=True)
        shown = self.page(request, rows)
        body = {'images': [self.view_v2(request, row) for row in shown], 'schema': '/v2/schemas/images', 'first': '/v2/images'}
        if request.query.get('limit'):
            body['first'] += f"?limit={request.query['limit']}"
            if shown and shown[-1]['id'] != rows[-1]['id']:
                body['next'] = f"/v2/images?marker={shown[-1]['id']}&limit={request.query['limit']}"
        return Answer(200, body, JSON + UTF8)

    def show_v2(self, request, image):
        return Answer(200, self.view_v2(request, self.row(request, image, 2)), JSON + UTF8)

    def create_v2(self, request):
        row = self.insert(request, self.body(request) or {}, b'')
        return Answer(201, self.view_v2(request, row), JSON + UTF8, [('Location', f"{request.url}/v2/images/{row['id']}")])

    def members_v1(self, request, image):
        rows = request.rows('SELECT * FROM image_members WHERE deleted = 0 AND image_id = %s', image)
        return Answer(200, {'members': [{'can_share': bool(row['can_share']), 'member_id': row['member']} for row in rows]}, JSON + UTF8)

    def members_v2(self, request, image):
        rows = request.rows('SELECT * FROM image_members WHERE deleted = 0 AND image_id = %s', image)
        return Answer(200, {'members': [{'status': row['status'], 'created_at': stamp(row['created_at'], '%Y-%m-%dT%H:%M:%SZ'), 'image_id': image,
                                         'updated_at': stamp(row['updated_at'], '%Y-%m-%dT%H:%M:%SZ'), 'member_id': row['member'],
                                         'schema': '/v2/schemas/member'} for row in rows], 'schema': '/v2/schemas/members'}, JSON + UTF8)
