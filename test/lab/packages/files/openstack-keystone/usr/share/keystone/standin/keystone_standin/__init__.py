"""STAND-IN of the Tandem lab for Keystone Juno (2014.2).

Keystone of 2014 needs Python 2 and libraries that no longer install. This package listens on the real ports, answers the
recorded API paths from the real database's rows, and its db_sync really brings the database from version 44 to 55, with the
messages, exit codes and versions left behind that the real migrations were seen to give. What it does not do it refuses
with a message that says "stand-in".
"""

STANDIN = 'stand-in of the Tandem lab for Keystone Juno'
RELEASE = '2014.2.2'
