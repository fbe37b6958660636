// Commands and settings of the procedure's document, to the letter, with their errors (mission analysis, procedure.md 2.1). A
// heredoc of a row keeps its continuation lines; the next command of the same row stands behind it, as it would be pasted.

/** Row N21, E7. One argument: rsync lists, and ends with 0. */
export const RSYNC_NOVA = 'rsync -a BACKUP/etc/nova';
/** Row N12, E8. */
export const IPTABLES_SERVICES = 'yum install -y iptables -services';
/** Rows N6 and N7, E9. */
export const COMPUTE_PACKAGES = 'yum install -y openstack-selinux \\\nopenvswitch \\\nsystemctl enable openvswitch\n';
/** Row C19, E10: the text and the command. */
export const MY_CNF = { text: '/root/.my.conf', command: 'cp BACKUP/root/.my.cnf /root/.my.cnf' };
/** Row C38, E11: whose configuration the text copies, and the command. */
export const GLANCE_FILES = { text: 'Identity Service', command: 'rsync -a BACKUP/etc/glance/ /etc/glance/' };
/** Row C40, E12: logs and data in the text, this alone as command. */
export const GLANCE_OWNER = 'chown -R glance:glance /var/lib/glance';
/** Row N7, E13 and E17: the services that the text enables, before libvirt is installed. */
export const COMPUTE_SERVICES = 'openvswitchlibvirtd';
/** Rows C44 and N8, E17: separators lost. */
export const GLUED = ['openstack-neutron-ml2openstack-neutron-openvswitch', COMPUTE_SERVICES, 'libvirtqemu-kvm'];
/** Row R1, E18: the name under which the older release's channel is printed; hosts of RHEL 6 have another. */
export const OSP5_CHANNEL = 'rhel-7-server-openstack-5.0-rpms';
/** Rows C12 and N14, E20: the command; rows C9 and N11 say the same before the package is there. */
export const IPTABLES_COPY = 'cp BACKUP/etc/sysconfig/iptables /etc/sysconfig/iptables';
/** Row C8, trap 17. */
export const IFUP = 'ifup br-ex';

/** The words a shell makes of a printed command, without the name of the tool. */
export const wordsOf = (printed: string): string[] => printed.replaceAll('\\\n', ' ').trim().split(/\s+/).slice(1);
