"""Fills the old controller through its own APIs: the services' users, the catalog, two images."""
import io
import os
import re
import sys
import urllib.parse

from keystoneauth1 import session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client
from glanceclient import Client

source = sys.argv[1]
rc = dict(re.findall(r'^export (\w+)=(.*)$', open(f'{source}/root/keystonerc_admin').read(), re.M))
auth = v3.Password(auth_url=rc['OS_AUTH_URL'], username=rc['OS_USERNAME'], password=rc['OS_PASSWORD'], project_name=rc['OS_PROJECT_NAME'], user_domain_name='Default', project_domain_name='Default')
# uwsgi's http-socket resets a POST on a kept connection
keystone = client.Client(session=session.Session(auth=auth), connect_retries=8)
project = keystone.projects.create('service', 'default')
admin = next(role for role in keystone.roles.list() if role.name == 'admin')
host = urllib.parse.urlsplit(rc['OS_AUTH_URL']).hostname
for name, kind, place, conf in [
        ('glance', 'image', '9292', 'glance/glance-api.conf'), ('cinder', 'volumev3', '8776/v3/$(project_id)s', 'cinder/cinder.conf'),
        ('nova', 'compute', '8774/v2.1', 'nova/nova.conf'), ('neutron', 'network', '9696', 'neutron/neutron.conf'), ('placement', 'placement', '8778', 'placement/placement.conf')]:
    section = open(f'{source}/etc/{conf}').read().split('[keystone_authtoken]')[1]
    user = keystone.users.create(name, domain='default', password=re.search(r'^password = (.*)$', section, re.M)[1], default_project=project)
    keystone.roles.grant(admin, user=user, project=project)
    service = keystone.services.create(name, kind)
    for interface in ('public', 'internal', 'admin'):
        keystone.endpoints.create(service, f'http://{host}:{place}', interface, 'RegionOne')
glance = Client('2', session=session.Session(auth=auth), endpoint_override=f'http://{host}:9292')
for name, size in [('cirros', 65536), ('larger', 300000)]:
    image = glance.images.create(name=name, disk_format='raw', container_format='bare', visibility='public')
    glance.images.upload(image.id, io.BytesIO(os.urandom(size)))
