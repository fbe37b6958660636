"""Test code: a gRPC health client of another make than the agent's (gRPC core, Debian's python3-grpcio).

health-client.py ADDRESS HOST SERVICE CA [CERT KEY]: asks grpc.health.v1.Health/Check once over TLS, prints the answer
(SERVING, NOT_SERVING ...) or the gRPC status and its words. No certificate is shown where CERT and KEY are left out.
"""
import sys

import grpc

STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']


def request(service):
    """HealthCheckRequest { string service = 1; }, written by hand: Debian packages no Python code for this contract."""
    text = service.encode()
    return b'\x0a' + bytes([len(text)]) + text if text else b''


def answer(message):
    """HealthCheckResponse { ServingStatus status = 1; }, a varint below 128."""
    if len(message) != 2 or message[0] != 0x08:
        raise ValueError(f'not a HealthCheckResponse: {message.hex()}')
    return STATUS[message[1]]


def read(path):
    with open(path, 'rb') as file:
        return file.read()


address, host, service, authority, *own = sys.argv[1:]
certificate, key = (read(path) for path in own) if own else (None, None)
credentials = grpc.ssl_channel_credentials(read(authority), private_key=key, certificate_chain=certificate)
# the agent proves to be this host, whatever address it is dialled at
with grpc.secure_channel(address, credentials, options=[('grpc.ssl_target_name_override', host)]) as channel:
    check = channel.unary_unary('/grpc.health.v1.Health/Check', request_serializer=request, response_deserializer=answer)
    try:
        print(check(service, timeout=10))
    except grpc.RpcError as error:
        print(error.code().name, error.details())
