"""The version documents; they need no token and no database."""


def _media_types(version):
    return [{'base': f'application/{kind}', 'type': f'application/vnd.openstack.identity-{version}+{kind}'}
            for kind in ('json', 'xml')]


def _v3(url):
    return {'status': 'stable', 'updated': '2013-03-06T00:00:00Z', 'media-types': _media_types('v3'), 'id': 'v3.0',
            'links': [{'href': f'{url}/v3/', 'rel': 'self'}]}


def _v2(url):
    return {'status': 'stable', 'updated': '2014-04-17T00:00:00Z', 'media-types': _media_types('v2.0'), 'id': 'v2.0',
            'links': [{'href': f'{url}/v2.0/', 'rel': 'self'},
                      {'href': 'http://docs.openstack.org/', 'type': 'text/html', 'rel': 'describedby'}]}


def version_list(url):
    return {'versions': {'values': [_v3(url), _v2(url)]}}


def one_version(url, path):
    return {'version': _v3(url) if path == '/v3' else _v2(url)}
