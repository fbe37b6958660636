"""Errors as Keystone Juno words them."""


class ApiError(Exception):
    def __init__(self, status, title, message):
        super().__init__(message)
        self.status, self.title = status, title

    def body(self):
        return {'error': {'message': str(self), 'code': self.status, 'title': self.title}}


def bad_request(attribute, target):
    return ApiError(400, 'Bad Request', f'Expecting to find {attribute} in {target} - the server could not comply with the '
                    'request since it is either malformed or otherwise incorrect. The client is assumed to be in error.')


def unauthorized():
    return ApiError(401, 'Unauthorized', 'The request you have made requires authentication.')


def forbidden(action):
    return ApiError(403, 'Forbidden', f'You are not authorized to perform the requested action: {action}')


def not_found(message):
    return ApiError(404, 'Not Found', message)


def conflict(kind):
    return ApiError(409, 'Conflict', f'Conflict occurred attempting to store {kind} - Duplicate Entry')
