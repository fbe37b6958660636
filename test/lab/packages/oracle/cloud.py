"""Runs inside a lab host after cloud-setup: do the stand-ins behave together as the real services of 2014 were seen to? The
computes are more processes on this one host, each with a host name of its own and the release that is asked for."""
import hashlib
import hmac
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request

URL, CONF = 'http://10.77.0.1', '/etc/nova/nova.conf'
IMAGE, SERVER, STOPPED, PAUSED = ('13afcc3a-466d-5c55-8f2f-a548dbf66d17', 'a6f36b32-ceee-5440-999b-ca3cde8cd4f6',
                                  'eff1e552-e5b1-5f2e-9eeb-9dab6fa12888', '5c553819-2436-5c38-87a0-77601c689c33')
ERROR, FREE = 'e01b24f4-5b00-5a63-81d5-bb2bc9930ddf', '684440b6-ba4f-5657-91bf-c7c8deef24eb'
ONE, TWO = 'compute1.example.test', 'compute2.example.test'
CAPPED, OPEN = 'compute = icehouse', ''
count = failures = 0
computes = {}


def check(name, passed, seen=''):
    global count, failures
    count += 1
    failures += not passed
    print(f"{'ok' if passed else 'not ok'} - {name}" + ('' if passed else f'\n#   {seen}'), flush=True)


def ask(port, path, body=None, method=None, headers=None):
    """(status, JSON or text)"""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f'{URL}:{port}{path}', data, {'Content-Type': 'application/json', **token, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode()


def until(seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return bool(condition())


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False)


def nova(path, body=None, method=None):
    return ask(8774, f'/v2/{tenant}{path}', body, method)


def server(uuid):
    return nova(f'/servers/{uuid}')[1]['server']


def where(uuid):
    row = server(uuid)
    return row['status'], row['OS-EXT-STS:task_state'], (row['OS-EXT-SRV-ATTR:host'] or '').split('.')[0]


def act(uuid, **action):
    name, value = next(iter(action.items()))
    return nova(f'/servers/{uuid}/action', {name.replace('_', '-'): value})


def live(uuid, host):
    return act(uuid, os_migrateLive={'host': host, 'block_migration': False, 'disk_over_commit': False})


def boot(name):
    return nova('/servers', {'server': {'name': name, 'flavorRef': '1', 'imageRef': IMAGE}})[1]['server']['id']


def caps(path, text):
    with open(path, encoding='utf-8') as file:
        rest = re.sub(r'\n\[upgrade_levels\][^\[]*', '\n', file.read())
    with open(path, 'w', encoding='utf-8') as file:
        file.write(rest.rstrip() + (f'\n\n[upgrade_levels]\n{text}\n' if text else '\n'))


def controller(text, restart=True):
    caps(CONF, text)
    if restart:
        run('systemctl', 'restart', 'openstack-nova-conductor', 'openstack-nova-api')
        until(20, lambda: ask(8774, '/')[0] == 200)


def start_compute(host, release, cap):
    """A compute of that release; returns its process when it has registered or ended."""
    stop_compute(host)
    path = f'/etc/nova/{host}.conf'
    with open(CONF, encoding='utf-8') as file:
        text = file.read().replace('[DEFAULT]', f'[DEFAULT]\nhost = {host}', 1)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    caps(path, cap)
    run('chown', 'nova', path)
    before = next(row['updated_at'] for row in nova('/os-services')[1]['services'] if row['host'] == host)
    computes[host] = subprocess.Popen(['runuser', '-u', 'nova', '--', 'env', f'TANDEM_LAB_RELEASE={release}', 'nova-compute', '--config-file', path,
                                       '--logfile', f'/var/log/nova/{host}.log'], stderr=subprocess.DEVNULL)
    until(15, lambda: computes[host].poll() is not None or before != next(row['updated_at'] for row in nova('/os-services')[1]['services'] if row['host'] == host))
    return computes[host]


def stop_compute(host):
    if host in computes:
        computes[host].terminate()
        computes.pop(host).wait(timeout=20)


def login():
    global token, tenant
    token = {}
    body = ask(5000, '/v2.0/tokens', {'auth': {'tenantName': 'admin', 'passwordCredentials': {'username': 'admin', 'password': 'example'}}})[1]['access']
    token, tenant = {'X-Auth-Token': body['token']['id']}, body['token']['tenant']['id']


def services():
    up = {row['binary'] for row in nova('/os-services')[1]['services'] if row['state'] == 'up'}
    check('the controller services of nova are up', {'nova-conductor', 'nova-cert', 'nova-scheduler', 'nova-consoleauth'} <= up, up)
    check('the old computes are down, and the rows of the old cloud are kept', len(nova('/os-services')[1]['services']) == 6 and 'nova-compute' not in up, up)
    # a report stamped before the server's start is dropped, the next comes 30 s later
    check('agents of the controller are alive', until(45, lambda: {row['binary'] for row in ask(9696, '/v2.0/agents')[1]['agents'] if row['alive']} == {
        'neutron-dhcp-agent', 'neutron-l3-agent', 'neutron-metadata-agent'}), ask(9696, '/v2.0/agents'))
    run('systemctl', 'start', 'neutron-openvswitch-agent')
    check('without its mapped bridge the OVS agent ends with exit status 1', until(10, lambda: 'ExecMainStatus=1' in run(
        'systemctl', 'show', '-p', 'ExecMainStatus', 'neutron-openvswitch-agent').stdout))
    check('and says why', 'Bridge br-ex for physical network physnet1 does not exist. Agent terminated!' in open('/var/log/neutron/openvswitch-agent.log', encoding='utf-8').read())
    status, volume = ask(8776, f'/v2/{tenant}/volumes', {'volume': {'name': 'v', 'size': 1}})
    made = f"/v2/{tenant}/volumes/{volume['volume']['id']}"
    check('a volume is made', status == 202 and until(10, lambda: ask(8776, made)[1]['volume']['status'] == 'available'), volume)
    check('and on host#pool', '#' in ask(8776, made)[1]['volume']['os-vol-host-attr:host'])
    ask(8776, made, method='DELETE')
    check('and goes', until(10, lambda: ask(8776, made)[0] == 404))
    data = b'kernel of nothing\n'
    image = ask(9292, '/v1/images', data, 'POST', {'x-image-meta-name': 'k', 'Content-Type': 'application/octet-stream'})[1]['image']
    check('an image is uploaded with its md5', image['checksum'] == hashlib.md5(data).hexdigest(), image)
    check('and downloaded', ask(9292, f"/v2/images/{image['id']}/file")[1].encode() == data)
    check('virsh finds libvirtd', run('virsh', '-c', 'qemu:///system', 'version').returncode == 0)


def root_owned_log():
    log = '/var/log/glance/api.log'
    run('systemctl', 'stop', 'openstack-glance-api')
    os.rename(log, log + '.kept')
    check('trap: a version query as root succeeds', run('glance-manage', 'db', 'version').stdout == '36\n')
    check('trap: and leaves a root-owned log', os.stat(log).st_uid == 0)
    done = run('runuser', '-u', 'glance', '--', 'glance-manage', 'db', 'sync')
    check('trap: the sync as glance then fails', done.returncode == 1 and f"[Errno 13] Permission denied: '{log}'" in done.stderr, done)
    run('systemctl', 'start', '--no-block', 'openstack-glance-api')
    time.sleep(2)
    check('trap: and glance-api does not start', run('systemctl', 'is-active', 'openstack-glance-api').stdout.strip() != 'active')
    os.rename(log + '.kept', log)
    run('systemctl', 'restart', 'openstack-glance-api')


def dashboard():
    pages = run('sh', '-c', 'cd $(mktemp -d); for page in 1 2; do curl -s -c jar -b jar http://10.77.0.1/dashboard/auth/login/ -o page $post; '
                'post="--data csrfmiddlewaretoken=$(sed -n "s/.*csrftoken\\t//p" jar)&username=admin&password=example"; done; curl -s -b jar http://10.77.0.1/dashboard/')
    check('the dashboard logs in at keystone', 'Logged in.' in pages.stdout, pages)
    check('a host that is not allowed: 400', '400' in run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Host: evil.example.test', 'http://10.77.0.1/dashboard/').stdout)


def capped_icehouse():
    for host in (ONE, TWO):
        start_compute(host, '2014.1.5', OPEN)
    up = [row['host'] for row in nova('/os-services?binary=nova-compute')[1]['services'] if row['state'] == 'up']
    check('Icehouse computes register', sorted(up) == [ONE, TWO], up)
    made = boot('one')
    check('cap on the controller: a boot on an Icehouse compute is ACTIVE', until(15, lambda: where(made)[0] == 'ACTIVE'), where(made))
    check('cap: its console answers', act(made, os_getConsoleOutput={})[0] == 200)
    check('cap: live migration between Icehouse computes', live(SERVER, TWO)[0] == 202 and until(10, lambda: where(SERVER) == ('ACTIVE', None, 'compute2')), where(SERVER))
    check('live migration takes ACTIVE only', live(PAUSED, ONE) == (409, {'conflictingRequest': {'code': 409, 'message': "Cannot 'os-migrateLive' while instance is in vm_state paused"}}))
    check('an unknown host: 400, the instance as before', live(SERVER, 'nowhere')[1]['badRequest']['message'] == 'Compute service of nowhere is unavailable at this time.'
          and where(SERVER)[:2] == ('ACTIVE', None))
    check('cold migration of a STOPPED instance waits for a confirmation', act(STOPPED, migrate=None)[0] == 202 and until(10, lambda: where(STOPPED)[0] == 'VERIFY_RESIZE'), where(STOPPED))
    check('its migration is finished', [row['status'] for row in nova('/os-migrations?status=finished')[1]['migrations']] == ['finished'])
    check('confirmed it is SHUTOFF', act(STOPPED, confirmResize=None)[0] == 204 and until(10, lambda: where(STOPPED)[0] == 'SHUTOFF'), where(STOPPED))
    belongings(made)
    with open('/etc/tandem-lab/fail-cold-migration', 'w', encoding='utf-8') as file:
        file.write(made)
    act(made, migrate=None)
    check('a migration fails on demand', until(10, lambda: where(made)[0] == 'ERROR'), where(made))
    act(made, os_resetState={'state': 'active'})
    os.unlink('/etc/tandem-lab/fail-cold-migration')
    return made


def belongings(made):
    status, body = nova(f'/servers/{made}', {'server': {'name': 'renamed'}}, 'PUT')
    check('an instance is renamed', (status, body['server']['name'], server(made)['name']) == (200, 'renamed', 'renamed'), body)
    check('an empty name: 400', nova(f'/servers/{made}', {'server': {'name': ' '}}, 'PUT')[0] == 400)
    check('an unknown instance: 404', nova(f'/servers/{IMAGE}', {'server': {'name': 'x'}}, 'PUT')[0] == 404)
    path = f'/servers/{made}/metadata'
    check('metadata are added', nova(path, {'metadata': {'a': '1'}}) == (200, {'metadata': {'a': '1'}}) and nova(path, {'metadata': {'b': '2'}}) == (200, {'metadata': {'a': '1', 'b': '2'}}))
    check('and shown', server(made)['metadata'] == {'a': '1', 'b': '2'} == nova(path)[1]['metadata'])
    check('one is taken away', nova(f'{path}/a', method='DELETE')[0] == 204 and server(made)['metadata'] == {'b': '2'})
    check('that is not there: 404', nova(f'{path}/a', method='DELETE') == (404, {'itemNotFound': {'message': 'Metadata item was not found', 'code': 404}}))
    status, body = nova(f'/servers/{ERROR}/metadata', {'metadata': {'a': '1'}})
    check('an instance in ERROR takes none', status == 409 and body['conflictingRequest']['message'] == "Cannot 'update metadata' while instance is in vm_state error", body)
    attach(made)


def volume(uuid):
    row = ask(8776, f'/v2/{tenant}/volumes/{uuid}')[1]['volume']
    return row['status'], [(one['server_id'], one['device']) for one in row['attachments']]


def attach(made):
    status, body = nova(f'/servers/{made}/os-volume_attachments', {'volumeAttachment': {'volumeId': FREE}})
    check('a volume is attached', status == 200 and body['volumeAttachment'] == {'device': '/dev/vdb', 'serverId': made, 'id': FREE, 'volumeId': FREE}
          and until(10, lambda: volume(FREE) == ('in-use', [(made, '/dev/vdb')])), (status, body, volume(FREE)))
    check('and listed', [one['volumeId'] for one in nova(f'/servers/{made}/os-volume_attachments')[1]['volumeAttachments']] == [FREE])
    check('one that is in use: 400', nova(f'/servers/{made}/os-volume_attachments', {'volumeAttachment': {'volumeId': FREE}})[0] == 400)
    check('one that there is not: 404', nova(f'/servers/{made}/os-volume_attachments', {'volumeAttachment': {'volumeId': made}})[0] == 404)
    check('it is detached', nova(f'/servers/{made}/os-volume_attachments/{FREE}', method='DELETE')[0] == 202 and until(10, lambda: volume(FREE) == ('available', [])), volume(FREE))
    check('and listed no more', until(5, lambda: nova(f'/servers/{made}/os-volume_attachments')[1]['volumeAttachments'] == []))
    check('once more: 404', nova(f'/servers/{made}/os-volume_attachments/{FREE}', method='DELETE')[0] == 404)


def uncapped_icehouse(made):
    controller(OPEN, restart=False)
    check('the cap is read at start: taken out of the file alone it still holds', act(made, os_getConsoleOutput={})[0] == 200)
    controller('')
    stuck = boot('stuck')
    time.sleep(4)
    check('no cap: a boot hangs in BUILD/scheduling without a host', where(stuck) == ('BUILD', 'scheduling', ''), where(stuck))
    check('no cap: service-list is green', all(row['state'] == 'up' for row in nova('/os-services?binary=nova-compute')[1]['services']))
    check('no cap: the console is a 500', act(made, os_getConsoleOutput={})[0] == 500)
    check('no cap: a volume is refused, and available again', nova(f'/servers/{made}/os-volume_attachments', {'volumeAttachment': {'volumeId': FREE}})[0] == 500
          and volume(FREE) == ('available', []), volume(FREE))
    status, body = live(SERVER, ONE)
    check('no cap: live migration is a 400', status == 400 and body['badRequest']['message'] == f'Live migration of instance {SERVER} to host {ONE} failed', body)
    check('no cap: and leaves task_state migrating', where(SERVER)[:2] == ('MIGRATING', 'migrating'), where(SERVER))
    check('no cap: rescue is accepted and hangs', act(made, rescue={})[0] == 200 and not until(3, lambda: where(made)[1] != 'rescuing'), where(made))
    for uuid in (SERVER, made):
        act(uuid, os_resetState={'state': 'active'})
    nova(f'/servers/{stuck}', method='DELETE')
    caps(CONF, 'compute = icehouse')
    text = open(CONF, encoding='utf-8').read().replace('[upgrade_levels]', '[upgrade-levels]')
    open(CONF, 'w', encoding='utf-8').write(text)
    run('systemctl', 'restart', 'openstack-nova-conductor', 'openstack-nova-api')
    until(20, lambda: ask(8774, '/')[0] == 200)
    check('E1: [upgrade-levels] is no cap: the console is a 500', act(made, os_getConsoleOutput={})[0] == 500)
    open(CONF, 'w', encoding='utf-8').write(re.sub(r'\n\[upgrade-levels\][^\[]*', '\n', text))


def mixed():
    """SERVER is on the Icehouse compute2; compute1 becomes Juno."""
    controller(CAPPED)
    start_compute(ONE, '2014.2.2', OPEN)
    check('cap on the controller alone: live migration Icehouse to Juno is a 400', live(SERVER, ONE)[0] == 400 and where(SERVER)[1] == 'migrating', where(SERVER))
    act(SERVER, os_resetState={'state': 'active'})
    start_compute(ONE, '2014.2.2', CAPPED)
    check('cap everywhere: live migration Icehouse to Juno works', live(SERVER, ONE)[0] == 202 and until(10, lambda: where(SERVER) == ('ACTIVE', None, 'compute1')), where(SERVER))
    check('to an older hypervisor: 400', live(SERVER, TWO)[1]['badRequest']['message'] == 'The instance requires a newer hypervisor version than has been provided.'
          and where(SERVER)[1] is None, where(SERVER))
    start_compute(TWO, '2014.2.2', CAPPED)
    check('cap everywhere: with a Juno source 202, and it hangs in migrating', live(SERVER, TWO)[0] == 202 and not until(4, lambda: where(SERVER)[1] != 'migrating'), where(SERVER))
    check('and the source says why', 'ValueError: A NetworkModel is required here' in open(f'/var/log/nova/{ONE}.log', encoding='utf-8').read())
    act(SERVER, os_resetState={'state': 'active'})
    controller(OPEN)
    check('lifted on the controller first: live migration works', live(SERVER, TWO)[0] == 202 and until(10, lambda: where(SERVER) == ('ACTIVE', None, 'compute2')), where(SERVER))
    for host in (ONE, TWO):
        start_compute(host, '2014.2.2', OPEN)
    made = boot('juno')
    check('lifted everywhere: a boot is ACTIVE', until(15, lambda: where(made)[0] == 'ACTIVE'), where(made))


def conductor_cap():
    ended = start_compute(ONE, '2014.2.2', 'conductor = 3.23.1')
    check('conductor = 3.23.1: the compute ends with exit status 0', ended.wait(timeout=5) == 0)
    check('and says why', 'RPCVersionCapError: Specified RPC version cap, 3.23.1, is too low. Needs to be higher than 2.0.' in open(f'/var/log/nova/{ONE}.log', encoding='utf-8').read())
    for cap in ('icehouse', '2.0', '2.1'):
        check(f'conductor = {cap}: the compute lives', start_compute(ONE, '2014.2.2', f'conductor = {cap}').poll() is None)
    signed = {'X-Instance-ID': SERVER, 'X-Instance-ID-Signature': hmac.new(b'PLANTED-metadata-secret-40fb', SERVER.encode(), hashlib.sha256).hexdigest()}
    check('metadata answers', ask(8775, '/latest/meta-data/', headers=signed)[0] == 200)
    controller('conductor = 3.23.1')
    check('conductor = 3.23.1 on the controller: services are green', all(row['state'] == 'up' for row in nova('/os-services')[1]['services'] if row['host'].startswith('controller')))
    check('and metadata is a 500', ask(8775, '/latest/meta-data/', headers=signed)[0] == 500)
    controller(OPEN)


def starts_and_clocks():
    os.makedirs('/run/systemd/system/openstack-nova-cert.service.d', exist_ok=True)
    with open('/run/systemd/system/openstack-nova-cert.service.d/short.conf', 'w', encoding='utf-8') as file:
        file.write('[Service]\nTimeoutStartSec=2\n')
    with open('/etc/tandem-lab/slow-start-nova-cert', 'w', encoding='utf-8') as file:
        file.write('20 1')
    run('systemctl', 'daemon-reload')
    done = run('systemctl', 'restart', 'openstack-nova-cert')
    check('a slow start times out', done.returncode != 0, done)
    check('and recovers by itself', until(15, lambda: run('systemctl', 'is-active', 'openstack-nova-cert').stdout.strip() == 'active'))
    with open('/etc/tandem-lab/clock-offset-s', 'w', encoding='utf-8') as file:
        file.write('-3600')
    run('systemctl', 'restart', 'neutron-server', 'neutron-l3-agent')
    time.sleep(2)
    before = next(row for row in ask(9696, '/v2.0/agents')[1]['agents'] if row['binary'] == 'neutron-l3-agent')
    run('systemctl', 'restart', 'neutron-l3-agent')
    time.sleep(2)
    after = next(row for row in ask(9696, '/v2.0/agents')[1]['agents'] if row['binary'] == 'neutron-l3-agent')
    check('a report of before the start of the server is dropped', before['heartbeat_timestamp'] == after['heartbeat_timestamp'], (before, after))
    check('and the agent runs', run('systemctl', 'is-active', 'neutron-l3-agent').stdout.strip() == 'active')
    os.unlink('/etc/tandem-lab/clock-offset-s')


def broker_down():
    run('systemctl', 'stop', 'rabbitmq-server')
    check('broker down: lists answer', nova('/servers/detail')[0] == 200 and ask(9696, '/v2.0/agents')[0] == 200)
    hung = run('curl', '-s', '-m', '5', '-H', f"X-Auth-Token: {token['X-Auth-Token']}", '-H', 'Content-Type: application/json', '-d', '{"os-stop": null}',
               f'{URL}:8774/v2/{tenant}/servers/{SERVER}/action')
    check('broker down: a stop hangs', hung.returncode == 28, hung)


os.makedirs('/etc/tandem-lab', exist_ok=True)
try:
    login()
    services()
    root_owned_log()
    dashboard()
    uncapped_icehouse(capped_icehouse())
    mixed()
    conductor_cap()
    starts_and_clocks()
    broker_down()
finally:
    for name in list(computes):
        stop_compute(name)
print(f'1..{count}')
raise SystemExit(failures > 0)
