"""STAND-IN of oslo.messaging: JSON over the real RabbitMQ, one queue a topic. The real one's wire format is not kept; what is
kept: a broker that is down makes callers hang, a message to a host that is down waits for it, and a version that the
receiver does not know is refused."""
import json
import threading
import time
import uuid

PREFIX = 'standin'
# what the real client does while the broker is away: it never gives up
AGAIN_S = 1
# a broker whose host lost its power says no goodbye
STALLED_S = 10


class UnsupportedVersion(Exception):
    pass


class RemoteError(Exception):
    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


class NoReply(Exception):
    """rpc_response_timeout is over."""


def parse_version(text):
    """(major, minor) of '3.23' or '3.23.1'."""
    parts = text.split('.')
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else 0


class Broker:
    """A connection for each caller; made when first used, made again when it broke."""

    def __init__(self, settings, project):
        self._settings, self._project = settings, project
        self._kept = threading.local()

    def connect(self):
        import amqp
        settings = self._settings
        connection = amqp.Connection(f"{settings['rabbit_host']}:{settings['rabbit_port']}", settings['rabbit_userid'],
                                     settings['rabbit_password'], virtual_host=settings['rabbit_virtual_host'], connect_timeout=5,
                                     read_timeout=STALLED_S, write_timeout=STALLED_S)
        connection.connect()
        return connection

    def topic(self, name):
        return f'{PREFIX}.{self._project}.{name}'

    def publish(self, name, message, lives_s=None):
        """`lives_s`: after that nobody waits for an answer, and the message is dropped. Returns when the broker has it; while there is no broker it hangs."""
        import amqp
        while True:
            try:
                if getattr(self._kept, 'connection', None) is None:
                    self._kept.connection = self.connect()
                channel = self._kept.connection.channel()
                channel.queue_declare(self.topic(name), auto_delete=False)
                limit = {} if lives_s is None else {'expiration': str(int(lives_s * 1000))}
                channel.basic_publish(amqp.Message(json.dumps(message), **limit), routing_key=self.topic(name))
                channel.close()
                return
            except (OSError, amqp.AMQPError):
                self._kept.connection = None
                time.sleep(AGAIN_S)

    def cast(self, name, method, arguments, version='1.0'):
        self.publish(name, {'method': method, 'args': arguments, 'version': version})

    def call(self, name, method, arguments, version='1.0', timeout_s=None):
        """The result; RemoteError, UnsupportedVersion or NoReply."""
        import amqp
        timeout_s = timeout_s or float(self._settings['rpc_response_timeout'])
        while True:
            try:
                connection = self.connect()
                break
            except (OSError, amqp.AMQPError):
                time.sleep(AGAIN_S)
        try:
            channel = connection.channel()
            reply = channel.queue_declare(f'{PREFIX}.reply.{uuid.uuid4().hex}', exclusive=True).queue
            self.publish(name, {'method': method, 'args': arguments, 'version': version, 'reply': reply}, timeout_s)
            end = time.monotonic() + timeout_s
            while time.monotonic() < end:
                message = channel.basic_get(reply, no_ack=True)
                if message:
                    return _opened(json.loads(message.body))
                time.sleep(0.05)
            raise NoReply(f'Timed out waiting for a reply to {method}')
        except (OSError, amqp.AMQPError) as error:
            raise NoReply(f'the broker went away before the reply to {method}: {error}') from None
        finally:
            _end(connection)

    def serve(self, name, handlers, newest, stopped, failed):
        """Takes messages until `stopped`: a thread each. `newest` is the version this server knows."""
        import amqp
        while not stopped.is_set():
            try:
                connection = self.connect()
                channel = connection.channel()
                channel.queue_declare(self.topic(name), auto_delete=False)
                while not stopped.is_set():
                    message = channel.basic_get(self.topic(name), no_ack=True)
                    if message is None:
                        stopped.wait(0.1)
                        continue
                    threading.Thread(target=self._handle, args=(json.loads(message.body), handlers, newest, failed), daemon=True).start()
            except (OSError, amqp.AMQPError):
                stopped.wait(AGAIN_S)

    def _handle(self, message, handlers, newest, failed):
        reply = message.get('reply')
        try:
            if parse_version(message['version']) > parse_version(newest):
                raise UnsupportedVersion(f"Endpoint does not support RPC version {message['version']}")
            answer = {'result': handlers[message['method']](**message['args'])}
        except Exception as error:  # pylint: disable=broad-except # goes back to the caller; of a cast only the log knows
            failed(message['method'], error)
            answer = {'error': getattr(error, 'kind', type(error).__name__), 'message': str(error)}
        if reply:
            self._answer(reply, answer)

    def _answer(self, reply, answer):
        import amqp
        try:
            connection = self.connect()
            connection.channel().basic_publish(amqp.Message(json.dumps(answer)), routing_key=reply)
            connection.close()
        except (OSError, amqp.AMQPError):
            pass  # the caller's time runs out, as with the real one


def _end(connection):
    import amqp
    try:
        connection.close()
    except (OSError, amqp.AMQPError):
        pass  # it is gone already


def _opened(answer):
    if 'error' not in answer:
        return answer['result']
    if answer['error'] == 'UnsupportedVersion':
        raise UnsupportedVersion(answer['message'])
    raise RemoteError(answer['error'], answer['message'])
