-- The users that packstack's puppet modules make (packstack/puppet/templates/mariadb_*_install.pp and keystone.pp at
-- Icehouse): each service's own, from anywhere and from 127.0.0.1; root with a password; no anonymous users, no test database.
-- The passwords are planted: each is also in that service's file under /etc, root's in /root/.my.cnf.
create user keystone_admin@'%' identified by 'PLANTED-keystone-db-3f9c', keystone_admin@'127.0.0.1' identified by 'PLANTED-keystone-db-3f9c';
grant all on keystone.* to keystone_admin@'%', keystone_admin@'127.0.0.1';
create user glance@'%' identified by 'PLANTED-glance-db-71ad', glance@'127.0.0.1' identified by 'PLANTED-glance-db-71ad';
grant all on glance.* to glance@'%', glance@'127.0.0.1';
create user cinder@'%' identified by 'PLANTED-cinder-db-c04e', cinder@'127.0.0.1' identified by 'PLANTED-cinder-db-c04e';
grant all on cinder.* to cinder@'%', cinder@'127.0.0.1';
create user nova@'%' identified by 'PLANTED-nova-db-5b12', nova@'127.0.0.1' identified by 'PLANTED-nova-db-5b12';
grant all on nova.* to nova@'%', nova@'127.0.0.1';
create user neutron@'%' identified by 'PLANTED-neutron-db-e8d7', neutron@'127.0.0.1' identified by 'PLANTED-neutron-db-e8d7';
grant all on neutron.* to neutron@'%', neutron@'127.0.0.1';
create or replace user root@localhost identified by 'PLANTED-mysql-root-9a2d', root@'127.0.0.1' identified by 'PLANTED-mysql-root-9a2d';
grant all on *.* to root@localhost with grant option;
grant all on *.* to root@'127.0.0.1' with grant option;
-- what mysql_install_db adds for the machine's own name and ::1, without a password
delete from mysql.global_priv where user = 'root' and host not in ('localhost', '127.0.0.1');
delete from mysql.proxies_priv where host <> 'localhost';
flush privileges;
