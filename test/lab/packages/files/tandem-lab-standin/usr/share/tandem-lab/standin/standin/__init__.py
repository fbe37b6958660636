"""STAND-INS of the Tandem lab for the services of OpenStack Juno (2014.2) and, where said, Icehouse (2014.1).

The services of 2014 need Python 2 and libraries that no longer install. This package listens on the real ports, answers the
recorded API paths from the real databases' rows, and its syncs really bring each database from Icehouse to Juno, with the
messages, exit codes and versions left behind that the real migrations were seen to give. What a stand-in does not do it
refuses with a message that says "stand-in". docs/lab.md says what is real in the lab and what is not.
"""
import os

RELEASE = os.environ.get('TANDEM_LAB_RELEASE', '2014.2.2')
IS_JUNO = RELEASE >= '2014.2'
CODE_NAME = 'Juno' if IS_JUNO else 'Icehouse'


def standin_of(project):
    """What a program is, for --version, --help and logs."""
    return f'stand-in of the Tandem lab for {project.capitalize()} {CODE_NAME}'
