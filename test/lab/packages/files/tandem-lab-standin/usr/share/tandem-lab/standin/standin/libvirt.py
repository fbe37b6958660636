"""libvirtd and virsh: a socket, a TCP port where the configuration wants one, and a version."""
import os
import re
import signal
import socket
import sys
import threading

RUN = '/run/libvirt'
SOCKET = f'{RUN}/libvirt-sock'
CONF = '/etc/libvirt/libvirtd.conf'
VERSION = ('Compiled against library: libvirt 1.1.1\nUsing library: libvirt 1.1.1\nUsing API: QEMU 1.1.1\nRunning hypervisor: QEMU 1.5.3 '
           '(stand-in of the Tandem lab)\n')


def option(name, default):
    with open(CONF, encoding='utf-8') as file:
        found = re.search(rf'^\s*{name}\s*=\s*"?([^"\n]*)"?', file.read(), re.M)
    return found[1].strip() if found else default


def libvirtd(arguments):
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.makedirs(RUN, exist_ok=True)
    if os.path.exists(SOCKET):
        os.unlink(SOCKET)
    listeners = [socket.socket(socket.AF_UNIX)]
    listeners[0].bind(SOCKET)
    if '--listen' in arguments or '-l' in arguments:
        if option('listen_tls', '1') == '1' and not os.path.exists('/etc/pki/libvirt/servercert.pem'):
            print("libvirtd (stand-in): Cannot read certificate '/etc/pki/libvirt/servercert.pem'", file=sys.stderr)
            return 1
        if option('listen_tcp', '0') == '1':
            listeners.append(socket.create_server((option('listen_addr', '0.0.0.0'), int(option('tcp_port', '16509')))))
    for listener in listeners:
        listener.listen()
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    stopped.wait()
    os.unlink(SOCKET)
    return 0


def _accept(listener):
    while True:
        connection, _ = listener.accept()
        connection.close()


def virsh(arguments):
    words = [word for word in arguments if not word.startswith('-') and '://' not in word]
    if '--version' in arguments or '-v' in arguments:
        print('1.1.1 (stand-in of the Tandem lab)')
        return 0
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(SOCKET)
    except OSError as error:
        print(f"error: failed to connect to the hypervisor\nerror: Failed to connect socket to '{SOCKET}': {error.strerror}", file=sys.stderr)
        return 1
    if words[:1] == ['version']:
        print(VERSION, end='')
        return 0
    if words[:1] == ['list']:
        print(' Id    Name                           State\n----------------------------------------------------\n')
        return 0
    print(f'error: stand-in: {" ".join(words)} is left out', file=sys.stderr)
    return 1
