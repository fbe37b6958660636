"""Test code, run in a lab host from standard input: plants secrets, so that none stands in any argument list on the way there."""
import re


def write(path, text):
    with open(path, 'w', encoding='utf8') as file:
        file.write(text)


def read(path):
    with open(path, encoding='utf8') as file:
        return file.read()


KEYSTONE = '/etc/keystone/keystone.conf'
write('/root/wrong.cnf', re.sub(r'^password.*$', 'password=PLANTED-wrong-root-11aa', read('/root/.my.cnf'), flags=re.M))
write('/root/wrong-rc', re.sub(r'OS_PASSWORD=.*', 'OS_PASSWORD=PLANTED-wrong-admin-22bb', read('/root/keystonerc_admin')))
write('/root/planted.ini', '[DEFAULT]\nrabbit_password = PLANTED-old-33cc\n')
write('/root/keystone.conf', read(KEYSTONE))
write(KEYSTONE, re.sub(r'^connection\s*=.*$', 'connection = mysql://keystone_admin:PLANTED-wrong-url-44dd@127.0.0.1/keystone', read(KEYSTONE), flags=re.M))
