-- neutron icehouse to juno: Juno's 31 revisions, and the two after havana that a database with a wrong stamp meets.
-- Only what is made below without "unless" was made by a revision of its own; db_healing makes whatever table is missing. No
-- table names a character set: in a database whose default is latin1 they are latin1, and foreign keys to utf8 fail.
-- to e197124d4b9
-- to 1fcfc149aca4
ALTER TABLE agents ADD UNIQUE uniq_agents0agent_type0host (agent_type, host);
-- to icehouse
-- to 54f7549a0e5f
-- to 1e5dd1d09b22
-- to 35c7c198ddea
-- to 33c3db036fe4
CREATE TABLE meteringlabels (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(1024),
	shared tinyint(1) DEFAULT 0,
	PRIMARY KEY (id),
	CHECK (shared in (0,1))
)ENGINE=InnoDB;
-- to 4eca4a84f08a
-- if table cisco_ml2_credentials
DROP TABLE cisco_ml2_credentials;
-- to d06e871c0d5
-- if table ml2_brocadeports
ALTER TABLE ml2_brocadeports MODIFY admin_state_up BOOL NOT NULL;
-- to 6be312499f9
-- to 1b837a7125a9
CREATE TABLE cisco_ml2_apic_epgs (
	network_id varchar(255) NOT NULL,
	epg_id varchar(64) NOT NULL,
	segmentation_id varchar(64) NOT NULL,
	provider BOOL NOT NULL DEFAULT 0,
	PRIMARY KEY (network_id)
)ENGINE=InnoDB;
CREATE TABLE cisco_ml2_apic_port_profiles (
	node_id varchar(255) NOT NULL,
	profile_id varchar(64) NOT NULL,
	hpselc_id varchar(64) NOT NULL,
	module varchar(10) NOT NULL,
	from_port int(11) NOT NULL,
	to_port int(11) NOT NULL,
	PRIMARY KEY (node_id)
)ENGINE=InnoDB;
CREATE TABLE cisco_ml2_apic_contracts (
	tenant_id varchar(255) NOT NULL,
	contract_id varchar(64) NOT NULL,
	filter_id varchar(64) NOT NULL,
	PRIMARY KEY (tenant_id)
)ENGINE=InnoDB;
-- to 10cd28e692e9
CREATE TABLE routerroutes_mapping (
	router_id varchar(36) NOT NULL,
	nuage_route_id varchar(36),
	FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- to 2db5203cb7a9
CREATE TABLE floatingip_pool_mapping (
	fip_pool_id varchar(36) NOT NULL,
	net_id varchar(36),
	router_id varchar(36),
	PRIMARY KEY (fip_pool_id),
	FOREIGN KEY (net_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
CREATE TABLE floatingip_mapping (
	fip_id varchar(36) NOT NULL,
	router_id varchar(36),
	nuage_fip_id varchar(36),
	PRIMARY KEY (fip_id),
	FOREIGN KEY (fip_id) REFERENCES floatingips (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- to 5446f2a45467
ALTER TABLE agents MODIFY admin_state_up BOOL NOT NULL DEFAULT 1;
ALTER TABLE ml2_gre_allocations MODIFY allocated BOOL NOT NULL DEFAULT 0;
ALTER TABLE ml2_vxlan_allocations MODIFY allocated BOOL NOT NULL DEFAULT 0;
ALTER TABLE ml2_port_bindings MODIFY host VARCHAR(255) NOT NULL DEFAULT '';
-- to db_healing
-- unless table brocadenetworks
CREATE TABLE brocadenetworks (
	id varchar(36) NOT NULL,
	vlan varchar(10),
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table brocadeports
CREATE TABLE brocadeports (
	port_id varchar(36) NOT NULL DEFAULT '',
	network_id varchar(36) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	physical_interface varchar(36),
	vlan_id varchar(36),
	tenant_id varchar(36),
	PRIMARY KEY (port_id),
	KEY network_id (network_id),
	CONSTRAINT brocadeports_ibfk_1 FOREIGN KEY (network_id) REFERENCES brocadenetworks (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table cisco_credentials
CREATE TABLE cisco_credentials (
	credential_id varchar(255),
	credential_name varchar(255) NOT NULL,
	user_name varchar(255),
	password varchar(255),
	type varchar(255),
	PRIMARY KEY (credential_name)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_multi_segments
CREATE TABLE cisco_n1kv_multi_segments (
	multi_segment_id varchar(36) NOT NULL,
	segment1_id varchar(36) NOT NULL,
	segment2_id varchar(36) NOT NULL,
	encap_profile_name varchar(36),
	PRIMARY KEY (multi_segment_id,segment1_id,segment2_id),
	CONSTRAINT cisco_n1kv_multi_segments_ibfk_1 FOREIGN KEY (multi_segment_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table cisco_n1kv_profile_bindings
CREATE TABLE cisco_n1kv_profile_bindings (
	profile_type enum('network','policy'),
	tenant_id varchar(36) NOT NULL DEFAULT 'TENANT_ID_NOT_SET',
	profile_id varchar(36) NOT NULL,
	PRIMARY KEY (tenant_id,profile_id)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_trunk_segments
CREATE TABLE cisco_n1kv_trunk_segments (
	trunk_segment_id varchar(36) NOT NULL,
	segment_id varchar(36) NOT NULL,
	dot1qtag varchar(36) NOT NULL,
	PRIMARY KEY (trunk_segment_id,segment_id,dot1qtag),
	CONSTRAINT cisco_n1kv_trunk_segments_ibfk_1 FOREIGN KEY (trunk_segment_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table cisco_network_profiles
CREATE TABLE cisco_network_profiles (
	id varchar(36) NOT NULL,
	name varchar(255),
	segment_type enum('vlan','overlay','trunk','multi-segment') NOT NULL,
	sub_type varchar(255),
	segment_range varchar(255),
	multicast_ip_index int(11) DEFAULT 0,
	multicast_ip_range varchar(255),
	physical_network varchar(255),
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_network_bindings
CREATE TABLE cisco_n1kv_network_bindings (
	network_id varchar(36) NOT NULL,
	network_type varchar(32) NOT NULL,
	physical_network varchar(64),
	segmentation_id int(11),
	multicast_ip varchar(32),
	profile_id varchar(36),
	PRIMARY KEY (network_id),
	KEY profile_id (profile_id),
	CONSTRAINT cisco_n1kv_network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE,
	CONSTRAINT cisco_n1kv_network_bindings_ibfk_2 FOREIGN KEY (profile_id) REFERENCES cisco_network_profiles (id)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_vlan_allocations
CREATE TABLE cisco_n1kv_vlan_allocations (
	physical_network varchar(64) NOT NULL,
	vlan_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL DEFAULT 0,
	network_profile_id varchar(36) NOT NULL,
	PRIMARY KEY (physical_network,vlan_id),
	KEY network_profile_id (network_profile_id),
	CONSTRAINT cisco_n1kv_vlan_allocations_ibfk_1 FOREIGN KEY (network_profile_id) REFERENCES cisco_network_profiles (id) ON DELETE CASCADE,
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table cisco_n1kv_vxlan_allocations
CREATE TABLE cisco_n1kv_vxlan_allocations (
	vxlan_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL DEFAULT 0,
	network_profile_id varchar(36) NOT NULL,
	PRIMARY KEY (vxlan_id),
	KEY network_profile_id (network_profile_id),
	CONSTRAINT cisco_n1kv_vxlan_allocations_ibfk_1 FOREIGN KEY (network_profile_id) REFERENCES cisco_network_profiles (id) ON DELETE CASCADE,
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table cisco_policy_profiles
CREATE TABLE cisco_policy_profiles (
	id varchar(36) NOT NULL,
	name varchar(255),
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_port_bindings
CREATE TABLE cisco_n1kv_port_bindings (
	port_id varchar(36) NOT NULL,
	profile_id varchar(36),
	PRIMARY KEY (port_id),
	KEY profile_id (profile_id),
	CONSTRAINT cisco_n1kv_port_bindings_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CONSTRAINT cisco_n1kv_port_bindings_ibfk_2 FOREIGN KEY (profile_id) REFERENCES cisco_policy_profiles (id)
)ENGINE=InnoDB;
-- unless table cisco_n1kv_vmnetworks
CREATE TABLE cisco_n1kv_vmnetworks (
	name varchar(80) NOT NULL,
	profile_id varchar(36),
	network_id varchar(36),
	port_count int(11),
	PRIMARY KEY (name),
	KEY profile_id (profile_id),
	CONSTRAINT cisco_n1kv_vmnetworks_ibfk_1 FOREIGN KEY (profile_id) REFERENCES cisco_policy_profiles (id)
)ENGINE=InnoDB;
-- unless table cisco_provider_networks
CREATE TABLE cisco_provider_networks (
	network_id varchar(36) NOT NULL,
	network_type varchar(255) NOT NULL,
	segmentation_id int(11) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT cisco_provider_networks_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table cisco_qos_policies
CREATE TABLE cisco_qos_policies (
	qos_id varchar(255),
	tenant_id varchar(255) NOT NULL,
	qos_name varchar(255) NOT NULL,
	qos_desc varchar(255),
	PRIMARY KEY (tenant_id,qos_name)
)ENGINE=InnoDB;
-- unless table firewall_policies
CREATE TABLE firewall_policies (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(1024),
	shared tinyint(1),
	audited tinyint(1),
	PRIMARY KEY (id),
	CHECK (shared in (0,1)),
	CHECK (audited in (0,1))
)ENGINE=InnoDB;
-- unless table firewall_rules
CREATE TABLE firewall_rules (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(1024),
	firewall_policy_id varchar(36),
	shared tinyint(1),
	protocol varchar(40),
	ip_version int(11) NOT NULL,
	source_ip_address varchar(46),
	destination_ip_address varchar(46),
	source_port_range_min int(11),
	source_port_range_max int(11),
	destination_port_range_min int(11),
	destination_port_range_max int(11),
	action enum('allow','deny'),
	enabled tinyint(1),
	position int(11),
	PRIMARY KEY (id),
	KEY firewall_policy_id (firewall_policy_id),
	CONSTRAINT firewall_rules_ibfk_1 FOREIGN KEY (firewall_policy_id) REFERENCES firewall_policies (id),
	CHECK (shared in (0,1)),
	CHECK (enabled in (0,1))
)ENGINE=InnoDB;
-- unless table firewalls
CREATE TABLE firewalls (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(1024),
	shared tinyint(1),
	admin_state_up tinyint(1),
	status varchar(16),
	firewall_policy_id varchar(36),
	PRIMARY KEY (id),
	KEY firewall_policy_id (firewall_policy_id),
	CONSTRAINT firewalls_ibfk_1 FOREIGN KEY (firewall_policy_id) REFERENCES firewall_policies (id),
	CHECK (shared in (0,1)),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table healthmonitors
CREATE TABLE healthmonitors (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	type enum('PING','TCP','HTTP','HTTPS') NOT NULL,
	delay int(11) NOT NULL,
	timeout int(11) NOT NULL,
	max_retries int(11) NOT NULL,
	http_method varchar(16),
	url_path varchar(255),
	expected_codes varchar(64),
	admin_state_up tinyint(1) NOT NULL,
	PRIMARY KEY (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table hyperv_network_bindings
CREATE TABLE hyperv_network_bindings (
	network_id varchar(36) NOT NULL,
	network_type varchar(32) NOT NULL,
	physical_network varchar(64),
	segmentation_id int(11),
	PRIMARY KEY (network_id),
	CONSTRAINT hyperv_network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table hyperv_vlan_allocations
CREATE TABLE hyperv_vlan_allocations (
	physical_network varchar(64) NOT NULL,
	vlan_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL,
	PRIMARY KEY (physical_network,vlan_id),
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table ikepolicies
CREATE TABLE ikepolicies (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(255),
	auth_algorithm enum('sha1') NOT NULL,
	encryption_algorithm enum('3des','aes-128','aes-256','aes-192') NOT NULL,
	phase1_negotiation_mode enum('main') NOT NULL,
	lifetime_units enum('seconds','kilobytes') NOT NULL,
	lifetime_value int(11) NOT NULL,
	ike_version enum('v1','v2') NOT NULL,
	pfs enum('group2','group5','group14') NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table ipsecpolicies
CREATE TABLE ipsecpolicies (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(255),
	transform_protocol enum('esp','ah','ah-esp') NOT NULL,
	auth_algorithm enum('sha1') NOT NULL,
	encryption_algorithm enum('3des','aes-128','aes-256','aes-192') NOT NULL,
	encapsulation_mode enum('tunnel','transport') NOT NULL,
	lifetime_units enum('seconds','kilobytes') NOT NULL,
	lifetime_value int(11) NOT NULL,
	pfs enum('group2','group5','group14') NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table lsn
CREATE TABLE lsn (
	lsn_id varchar(36) NOT NULL,
	net_id varchar(36) NOT NULL,
	PRIMARY KEY (lsn_id)
)ENGINE=InnoDB;
-- unless table lsn_port
CREATE TABLE lsn_port (
	lsn_port_id varchar(36) NOT NULL,
	lsn_id varchar(36) NOT NULL,
	sub_id varchar(36) NOT NULL,
	mac_addr varchar(32) NOT NULL,
	PRIMARY KEY (lsn_port_id),
	UNIQUE KEY sub_id (sub_id),
	UNIQUE KEY mac_addr (mac_addr),
	KEY lsn_id (lsn_id),
	CONSTRAINT lsn_port_ibfk_1 FOREIGN KEY (lsn_id) REFERENCES lsn (lsn_id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table maclearningstates
CREATE TABLE maclearningstates (
	port_id varchar(36) NOT NULL,
	mac_learning_enabled tinyint(1) NOT NULL,
	PRIMARY KEY (port_id),
	CONSTRAINT maclearningstates_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CHECK (mac_learning_enabled in (0,1))
)ENGINE=InnoDB;
-- unless table meteringlabelrules
CREATE TABLE meteringlabelrules (
	id varchar(36) NOT NULL,
	direction enum('ingress','egress'),
	remote_ip_prefix varchar(64),
	metering_label_id varchar(36) NOT NULL,
	excluded tinyint(1) DEFAULT 0,
	PRIMARY KEY (id),
	KEY metering_label_id (metering_label_id),
	CONSTRAINT meteringlabelrules_ibfk_1 FOREIGN KEY (metering_label_id) REFERENCES meteringlabels (id) ON DELETE CASCADE,
	CHECK (excluded in (0,1))
)ENGINE=InnoDB;
-- unless table mlnx_network_bindings
CREATE TABLE mlnx_network_bindings (
	network_id varchar(36) NOT NULL,
	network_type varchar(32) NOT NULL,
	physical_network varchar(64),
	segmentation_id int(11) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT mlnx_network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table multi_provider_networks
CREATE TABLE multi_provider_networks (
	network_id varchar(36) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT multi_provider_networks_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table network_bindings
CREATE TABLE network_bindings (
	network_id varchar(36) NOT NULL,
	physical_network varchar(64),
	vlan_id int(11) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table network_states
CREATE TABLE network_states (
	physical_network varchar(64) NOT NULL,
	vlan_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL,
	PRIMARY KEY (physical_network,vlan_id),
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table networkflavors
CREATE TABLE networkflavors (
	flavor varchar(255),
	network_id varchar(36) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT networkflavors_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table networkgatewaydevices
CREATE TABLE networkgatewaydevices (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	nsx_id varchar(36),
	name varchar(255),
	connector_type varchar(10),
	connector_ip varchar(64),
	status varchar(16),
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table networkgateways
CREATE TABLE networkgateways (
	id varchar(36) NOT NULL,
	name varchar(255),
	tenant_id varchar(36),
	`default` tinyint(1),
	PRIMARY KEY (id),
	CHECK (`default` in (0,1))
)ENGINE=InnoDB;
-- unless table networkconnections
CREATE TABLE networkconnections (
	tenant_id varchar(255),
	network_gateway_id varchar(36),
	network_id varchar(36),
	segmentation_type enum('flat','vlan'),
	segmentation_id int(11),
	port_id varchar(36) NOT NULL,
	PRIMARY KEY (port_id),
	UNIQUE KEY network_gateway_id (network_gateway_id,segmentation_type,segmentation_id),
	KEY network_id (network_id),
	CONSTRAINT networkconnections_ibfk_1 FOREIGN KEY (network_gateway_id) REFERENCES networkgateways (id) ON DELETE CASCADE,
	CONSTRAINT networkconnections_ibfk_2 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE,
	CONSTRAINT networkconnections_ibfk_3 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table networkgatewaydevicereferences
CREATE TABLE networkgatewaydevicereferences (
	id varchar(36) NOT NULL,
	network_gateway_id varchar(36) NOT NULL,
	interface_name varchar(64) NOT NULL,
	PRIMARY KEY (id,network_gateway_id,interface_name),
	KEY network_gateway_id (network_gateway_id),
	CONSTRAINT networkgatewaydevicereferences_ibfk_1 FOREIGN KEY (network_gateway_id) REFERENCES networkgateways (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table networksecuritybindings
CREATE TABLE networksecuritybindings (
	network_id varchar(36) NOT NULL,
	port_security_enabled tinyint(1) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT networksecuritybindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE,
	CHECK (port_security_enabled in (0,1))
)ENGINE=InnoDB;
-- unless table neutron_nsx_network_mappings
CREATE TABLE neutron_nsx_network_mappings (
	neutron_id varchar(36) NOT NULL,
	nsx_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id,nsx_id),
	CONSTRAINT neutron_nsx_network_mappings_ibfk_1 FOREIGN KEY (neutron_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table neutron_nsx_port_mappings
CREATE TABLE neutron_nsx_port_mappings (
	neutron_id varchar(36) NOT NULL,
	nsx_switch_id varchar(36),
	nsx_port_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	CONSTRAINT neutron_nsx_port_mappings_ibfk_1 FOREIGN KEY (neutron_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table neutron_nsx_router_mappings
CREATE TABLE neutron_nsx_router_mappings (
	neutron_id varchar(36) NOT NULL,
	nsx_id varchar(36),
	PRIMARY KEY (neutron_id),
	CONSTRAINT neutron_nsx_router_mappings_ibfk_1 FOREIGN KEY (neutron_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table neutron_nsx_security_group_mappings
CREATE TABLE neutron_nsx_security_group_mappings (
	neutron_id varchar(36) NOT NULL,
	nsx_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id,nsx_id),
	CONSTRAINT neutron_nsx_security_group_mappings_ibfk_1 FOREIGN KEY (neutron_id) REFERENCES securitygroups (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table nuage_net_partitions
CREATE TABLE nuage_net_partitions (
	id varchar(36) NOT NULL,
	name varchar(64),
	l3dom_tmplt_id varchar(36),
	l2dom_tmplt_id varchar(36),
	PRIMARY KEY (id)
)ENGINE=InnoDB;
-- unless table nuage_net_partition_router_mapping
CREATE TABLE nuage_net_partition_router_mapping (
	net_partition_id varchar(36) NOT NULL,
	router_id varchar(36) NOT NULL,
	nuage_router_id varchar(36),
	PRIMARY KEY (net_partition_id,router_id),
	KEY router_id (router_id),
	CONSTRAINT nuage_net_partition_router_mapping_ibfk_1 FOREIGN KEY (net_partition_id) REFERENCES nuage_net_partitions (id) ON DELETE CASCADE,
	CONSTRAINT nuage_net_partition_router_mapping_ibfk_2 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table nuage_subnet_l2dom_mapping
CREATE TABLE nuage_subnet_l2dom_mapping (
	subnet_id varchar(36) NOT NULL,
	net_partition_id varchar(36),
	nuage_subnet_id varchar(36),
	nuage_l2dom_tmplt_id varchar(36),
	nuage_user_id varchar(36),
	nuage_group_id varchar(36),
	PRIMARY KEY (subnet_id),
	KEY net_partition_id (net_partition_id),
	CONSTRAINT nuage_subnet_l2dom_mapping_ibfk_1 FOREIGN KEY (subnet_id) REFERENCES subnets (id) ON DELETE CASCADE,
	CONSTRAINT nuage_subnet_l2dom_mapping_ibfk_2 FOREIGN KEY (net_partition_id) REFERENCES nuage_net_partitions (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table ofcfiltermappings
CREATE TABLE ofcfiltermappings (
	ofc_id varchar(255) NOT NULL,
	neutron_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	UNIQUE KEY ofc_id (ofc_id)
)ENGINE=InnoDB;
-- unless table ofcnetworkmappings
CREATE TABLE ofcnetworkmappings (
	ofc_id varchar(255) NOT NULL,
	neutron_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	UNIQUE KEY ofc_id (ofc_id)
)ENGINE=InnoDB;
-- unless table ofcportmappings
CREATE TABLE ofcportmappings (
	ofc_id varchar(255) NOT NULL,
	neutron_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	UNIQUE KEY ofc_id (ofc_id)
)ENGINE=InnoDB;
-- unless table ofcroutermappings
CREATE TABLE ofcroutermappings (
	ofc_id varchar(255) NOT NULL,
	neutron_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	UNIQUE KEY ofc_id (ofc_id)
)ENGINE=InnoDB;
-- unless table ofctenantmappings
CREATE TABLE ofctenantmappings (
	ofc_id varchar(255) NOT NULL,
	neutron_id varchar(36) NOT NULL,
	PRIMARY KEY (neutron_id),
	UNIQUE KEY ofc_id (ofc_id)
)ENGINE=InnoDB;
-- unless table ovs_network_bindings
CREATE TABLE ovs_network_bindings (
	network_id varchar(36) NOT NULL,
	network_type varchar(32) NOT NULL,
	physical_network varchar(64),
	segmentation_id int(11),
	PRIMARY KEY (network_id),
	CONSTRAINT ovs_network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table ovs_tunnel_allocations
CREATE TABLE ovs_tunnel_allocations (
	tunnel_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL,
	PRIMARY KEY (tunnel_id),
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table ovs_tunnel_endpoints
CREATE TABLE ovs_tunnel_endpoints (
	ip_address varchar(64) NOT NULL,
	id int(11) NOT NULL,
	PRIMARY KEY (ip_address),
	UNIQUE KEY uniq_ovs_tunnel_endpoints0id (id)
)ENGINE=InnoDB;
-- unless table ovs_vlan_allocations
CREATE TABLE ovs_vlan_allocations (
	physical_network varchar(64) NOT NULL,
	vlan_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL,
	PRIMARY KEY (physical_network,vlan_id),
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table packetfilters
CREATE TABLE packetfilters (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	network_id varchar(36) NOT NULL,
	priority int(11) NOT NULL,
	action varchar(16) NOT NULL,
	in_port varchar(36),
	src_mac varchar(32) NOT NULL,
	dst_mac varchar(32) NOT NULL,
	eth_type int(11) NOT NULL,
	src_cidr varchar(64) NOT NULL,
	dst_cidr varchar(64) NOT NULL,
	protocol varchar(16) NOT NULL,
	src_port int(11) NOT NULL,
	dst_port int(11) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	status varchar(16) NOT NULL,
	PRIMARY KEY (id),
	KEY network_id (network_id),
	KEY in_port (in_port),
	CONSTRAINT packetfilters_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE,
	CONSTRAINT packetfilters_ibfk_2 FOREIGN KEY (in_port) REFERENCES ports (id) ON DELETE CASCADE,
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table port_profile
CREATE TABLE port_profile (
	port_id varchar(36) NOT NULL,
	vnic_type varchar(32) NOT NULL,
	PRIMARY KEY (port_id),
	CONSTRAINT port_profile_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table portbindingports
CREATE TABLE portbindingports (
	port_id varchar(36) NOT NULL,
	host varchar(255) NOT NULL,
	PRIMARY KEY (port_id),
	CONSTRAINT portbindingports_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table portinfos
CREATE TABLE portinfos (
	id varchar(36) NOT NULL,
	datapath_id varchar(36) NOT NULL,
	port_no int(11) NOT NULL,
	vlan_id int(11) NOT NULL,
	mac varchar(32) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT portinfos_ibfk_1 FOREIGN KEY (id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table portsecuritybindings
CREATE TABLE portsecuritybindings (
	port_id varchar(36) NOT NULL,
	port_security_enabled tinyint(1) NOT NULL,
	PRIMARY KEY (port_id),
	CONSTRAINT portsecuritybindings_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CHECK (port_security_enabled in (0,1))
)ENGINE=InnoDB;
-- unless table providerresourceassociations
CREATE TABLE providerresourceassociations (
	provider_name varchar(255) NOT NULL,
	resource_id varchar(36) NOT NULL,
	PRIMARY KEY (provider_name,resource_id),
	UNIQUE KEY resource_id (resource_id)
)ENGINE=InnoDB;
-- unless table qosqueues
CREATE TABLE qosqueues (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	`default` tinyint(1) DEFAULT 0,
	min int(11) NOT NULL,
	max int(11),
	qos_marking enum('untrusted','trusted'),
	dscp int(11),
	PRIMARY KEY (id),
	CHECK (`default` in (0,1))
)ENGINE=InnoDB;
-- unless table networkqueuemappings
CREATE TABLE networkqueuemappings (
	network_id varchar(36) NOT NULL,
	queue_id varchar(36),
	PRIMARY KEY (network_id),
	KEY queue_id (queue_id),
	CONSTRAINT networkqueuemappings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE,
	CONSTRAINT networkqueuemappings_ibfk_2 FOREIGN KEY (queue_id) REFERENCES qosqueues (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table portqueuemappings
CREATE TABLE portqueuemappings (
	port_id varchar(36) NOT NULL,
	queue_id varchar(36) NOT NULL,
	PRIMARY KEY (port_id,queue_id),
	KEY queue_id (queue_id),
	CONSTRAINT portqueuemappings_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CONSTRAINT portqueuemappings_ibfk_2 FOREIGN KEY (queue_id) REFERENCES qosqueues (id)
)ENGINE=InnoDB;
-- unless table routerflavors
CREATE TABLE routerflavors (
	flavor varchar(255),
	router_id varchar(36) NOT NULL,
	PRIMARY KEY (router_id),
	CONSTRAINT routerflavors_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table routerproviders
CREATE TABLE routerproviders (
	provider varchar(255),
	router_id varchar(36) NOT NULL,
	PRIMARY KEY (router_id),
	CONSTRAINT routerproviders_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table routerrules
CREATE TABLE routerrules (
	id int(11) NOT NULL AUTO_INCREMENT,
	source varchar(64) NOT NULL,
	destination varchar(64) NOT NULL,
	action varchar(10) NOT NULL,
	router_id varchar(36),
	PRIMARY KEY (id),
	KEY router_id (router_id),
	CONSTRAINT routerrules_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table nexthops
CREATE TABLE nexthops (
	rule_id int(11) NOT NULL,
	nexthop varchar(64) NOT NULL,
	PRIMARY KEY (rule_id,nexthop),
	CONSTRAINT nexthops_ibfk_1 FOREIGN KEY (rule_id) REFERENCES routerrules (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table routerservicetypebindings
CREATE TABLE routerservicetypebindings (
	router_id varchar(36) NOT NULL,
	service_type_id varchar(36) NOT NULL,
	PRIMARY KEY (router_id),
	CONSTRAINT routerservicetypebindings_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table segmentation_id_allocation
CREATE TABLE segmentation_id_allocation (
	physical_network varchar(64) NOT NULL,
	segmentation_id int(11) NOT NULL,
	allocated tinyint(1) NOT NULL DEFAULT 0,
	PRIMARY KEY (physical_network,segmentation_id),
	CHECK (allocated in (0,1))
)ENGINE=InnoDB;
-- unless table servicerouterbindings
CREATE TABLE servicerouterbindings (
	resource_id varchar(36) NOT NULL,
	resource_type varchar(36) NOT NULL,
	router_id varchar(36) NOT NULL,
	PRIMARY KEY (resource_id,resource_type),
	KEY router_id (router_id),
	CONSTRAINT servicerouterbindings_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id)
)ENGINE=InnoDB;
-- unless table tunnelkeylasts
CREATE TABLE tunnelkeylasts (
	last_key int(11) NOT NULL AUTO_INCREMENT,
	PRIMARY KEY (last_key)
)ENGINE=InnoDB;
-- unless table tunnelkeys
CREATE TABLE tunnelkeys (
	network_id varchar(36) NOT NULL,
	tunnel_key int(11) NOT NULL,
	PRIMARY KEY (tunnel_key),
	KEY network_id (network_id),
	CONSTRAINT tunnelkeys_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id)
)ENGINE=InnoDB;
-- unless table tz_network_bindings
CREATE TABLE tz_network_bindings (
	network_id varchar(36) NOT NULL,
	binding_type enum('flat','vlan','stt','gre','l3_ext') NOT NULL,
	phy_uuid varchar(36) NOT NULL,
	vlan_id int(11) NOT NULL,
	PRIMARY KEY (network_id,binding_type,phy_uuid,vlan_id),
	CONSTRAINT tz_network_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table vcns_edge_monitor_bindings
CREATE TABLE vcns_edge_monitor_bindings (
	monitor_id varchar(36) NOT NULL,
	edge_id varchar(36) NOT NULL,
	monitor_vseid varchar(36),
	PRIMARY KEY (monitor_id,edge_id),
	CONSTRAINT vcns_edge_monitor_bindings_ibfk_1 FOREIGN KEY (monitor_id) REFERENCES healthmonitors (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table vcns_firewall_rule_bindings
CREATE TABLE vcns_firewall_rule_bindings (
	rule_id varchar(36) NOT NULL,
	edge_id varchar(36) NOT NULL,
	rule_vseid varchar(36),
	PRIMARY KEY (rule_id,edge_id),
	CONSTRAINT vcns_firewall_rule_bindings_ibfk_1 FOREIGN KEY (rule_id) REFERENCES firewall_rules (id)
)ENGINE=InnoDB;
-- unless table vcns_router_bindings
CREATE TABLE vcns_router_bindings (
	status varchar(16) NOT NULL,
	status_description varchar(255),
	router_id varchar(36) NOT NULL,
	edge_id varchar(16),
	lswitch_id varchar(36) NOT NULL,
	PRIMARY KEY (router_id)
)ENGINE=InnoDB;
-- unless table vips
CREATE TABLE vips (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	status varchar(16) NOT NULL,
	status_description varchar(255),
	name varchar(255),
	description varchar(255),
	port_id varchar(36),
	protocol_port int(11) NOT NULL,
	protocol enum('HTTP','HTTPS','TCP') NOT NULL,
	pool_id varchar(36) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	connection_limit int(11),
	PRIMARY KEY (id),
	UNIQUE KEY pool_id (pool_id),
	KEY port_id (port_id),
	CONSTRAINT vips_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table pools
CREATE TABLE pools (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	status varchar(16) NOT NULL,
	status_description varchar(255),
	vip_id varchar(36),
	name varchar(255),
	description varchar(255),
	subnet_id varchar(36) NOT NULL,
	protocol enum('HTTP','HTTPS','TCP') NOT NULL,
	lb_method enum('ROUND_ROBIN','LEAST_CONNECTIONS','SOURCE_IP') NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	PRIMARY KEY (id),
	KEY vip_id (vip_id),
	CONSTRAINT pools_ibfk_1 FOREIGN KEY (vip_id) REFERENCES vips (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table embrane_pool_port
CREATE TABLE embrane_pool_port (
	pool_id varchar(36) NOT NULL,
	port_id varchar(36) NOT NULL,
	PRIMARY KEY (pool_id),
	KEY port_id (port_id),
	CONSTRAINT embrane_pool_port_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id),
	CONSTRAINT embrane_pool_port_ibfk_2 FOREIGN KEY (port_id) REFERENCES ports (id)
)ENGINE=InnoDB;
-- unless table members
CREATE TABLE members (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	status varchar(16) NOT NULL,
	status_description varchar(255),
	pool_id varchar(36) NOT NULL,
	address varchar(64) NOT NULL,
	protocol_port int(11) NOT NULL,
	weight int(11) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	PRIMARY KEY (id),
	UNIQUE KEY uniq_member0pool_id0address0port (pool_id,address,protocol_port),
	CONSTRAINT members_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table poolloadbalanceragentbindings
CREATE TABLE poolloadbalanceragentbindings (
	pool_id varchar(36) NOT NULL,
	agent_id varchar(36) NOT NULL,
	PRIMARY KEY (pool_id),
	KEY agent_id (agent_id),
	CONSTRAINT poolloadbalanceragentbindings_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id) ON DELETE CASCADE,
	CONSTRAINT poolloadbalanceragentbindings_ibfk_2 FOREIGN KEY (agent_id) REFERENCES agents (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table poolmonitorassociations
CREATE TABLE poolmonitorassociations (
	status varchar(16) NOT NULL,
	status_description varchar(255),
	pool_id varchar(36) NOT NULL,
	monitor_id varchar(36) NOT NULL,
	PRIMARY KEY (pool_id,monitor_id),
	KEY monitor_id (monitor_id),
	CONSTRAINT poolmonitorassociations_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id),
	CONSTRAINT poolmonitorassociations_ibfk_2 FOREIGN KEY (monitor_id) REFERENCES healthmonitors (id)
)ENGINE=InnoDB;
-- unless table poolstatisticss
CREATE TABLE poolstatisticss (
	pool_id varchar(36) NOT NULL,
	bytes_in bigint(20) NOT NULL,
	bytes_out bigint(20) NOT NULL,
	active_connections bigint(20) NOT NULL,
	total_connections bigint(20) NOT NULL,
	PRIMARY KEY (pool_id),
	CONSTRAINT poolstatisticss_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id)
)ENGINE=InnoDB;
-- unless table sessionpersistences
CREATE TABLE sessionpersistences (
	vip_id varchar(36) NOT NULL,
	type enum('SOURCE_IP','HTTP_COOKIE','APP_COOKIE') NOT NULL,
	cookie_name varchar(1024),
	PRIMARY KEY (vip_id),
	CONSTRAINT sessionpersistences_ibfk_1 FOREIGN KEY (vip_id) REFERENCES vips (id)
)ENGINE=InnoDB;
-- unless table vcns_edge_pool_bindings
CREATE TABLE vcns_edge_pool_bindings (
	pool_id varchar(36) NOT NULL,
	edge_id varchar(36) NOT NULL,
	pool_vseid varchar(36),
	PRIMARY KEY (pool_id,edge_id),
	CONSTRAINT vcns_edge_pool_bindings_ibfk_1 FOREIGN KEY (pool_id) REFERENCES pools (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table vcns_edge_vip_bindings
CREATE TABLE vcns_edge_vip_bindings (
	vip_id varchar(36) NOT NULL,
	edge_id varchar(36),
	vip_vseid varchar(36),
	app_profileid varchar(36),
	PRIMARY KEY (vip_id),
	CONSTRAINT vcns_edge_vip_bindings_ibfk_1 FOREIGN KEY (vip_id) REFERENCES vips (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table vpnservices
CREATE TABLE vpnservices (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(255),
	status varchar(16) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	subnet_id varchar(36) NOT NULL,
	router_id varchar(36) NOT NULL,
	PRIMARY KEY (id),
	KEY subnet_id (subnet_id),
	KEY router_id (router_id),
	CONSTRAINT vpnservices_ibfk_1 FOREIGN KEY (subnet_id) REFERENCES subnets (id),
	CONSTRAINT vpnservices_ibfk_2 FOREIGN KEY (router_id) REFERENCES routers (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table ipsec_site_connections
CREATE TABLE ipsec_site_connections (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	name varchar(255),
	description varchar(255),
	peer_address varchar(255) NOT NULL,
	peer_id varchar(255) NOT NULL,
	route_mode varchar(8) NOT NULL,
	mtu int(11) NOT NULL,
	initiator enum('bi-directional','response-only') NOT NULL,
	auth_mode varchar(16) NOT NULL,
	psk varchar(255) NOT NULL,
	dpd_action enum('hold','clear','restart','disabled','restart-by-peer') NOT NULL,
	dpd_interval int(11) NOT NULL,
	dpd_timeout int(11) NOT NULL,
	status varchar(16) NOT NULL,
	admin_state_up tinyint(1) NOT NULL,
	vpnservice_id varchar(36) NOT NULL,
	ipsecpolicy_id varchar(36) NOT NULL,
	ikepolicy_id varchar(36) NOT NULL,
	PRIMARY KEY (id),
	KEY vpnservice_id (vpnservice_id),
	KEY ipsecpolicy_id (ipsecpolicy_id),
	KEY ikepolicy_id (ikepolicy_id),
	CONSTRAINT ipsec_site_connections_ibfk_1 FOREIGN KEY (vpnservice_id) REFERENCES vpnservices (id),
	CONSTRAINT ipsec_site_connections_ibfk_2 FOREIGN KEY (ipsecpolicy_id) REFERENCES ipsecpolicies (id),
	CONSTRAINT ipsec_site_connections_ibfk_3 FOREIGN KEY (ikepolicy_id) REFERENCES ikepolicies (id),
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
-- unless table cisco_csr_identifier_map
CREATE TABLE cisco_csr_identifier_map (
	tenant_id varchar(255),
	ipsec_site_conn_id varchar(64) NOT NULL,
	csr_tunnel_id int(11) NOT NULL,
	csr_ike_policy_id int(11) NOT NULL,
	csr_ipsec_policy_id int(11) NOT NULL,
	PRIMARY KEY (ipsec_site_conn_id),
	CONSTRAINT cisco_csr_identifier_map_ibfk_1 FOREIGN KEY (ipsec_site_conn_id) REFERENCES ipsec_site_connections (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- unless table ipsecpeercidrs
CREATE TABLE ipsecpeercidrs (
	cidr varchar(32) NOT NULL,
	ipsec_site_connection_id varchar(36) NOT NULL,
	PRIMARY KEY (cidr,ipsec_site_connection_id),
	KEY ipsec_site_connection_id (ipsec_site_connection_id),
	CONSTRAINT ipsecpeercidrs_ibfk_1 FOREIGN KEY (ipsec_site_connection_id) REFERENCES ipsec_site_connections (id) ON DELETE CASCADE
)ENGINE=InnoDB;
ALTER TABLE ml2_brocadeports ADD CONSTRAINT FOREIGN KEY(network_id) REFERENCES ml2_brocadenetworks (id);
-- to 3927f7f7c456
CREATE TABLE router_extra_attributes (
	router_id varchar(36) NOT NULL,
	distributed tinyint(1) NOT NULL DEFAULT 0,
	PRIMARY KEY (router_id),
	CONSTRAINT router_extra_attributes_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE,
	CHECK (distributed in (0,1))
)ENGINE=InnoDB;
INSERT INTO router_extra_attributes (router_id, distributed) SELECT id, 0 FROM routers;
-- to 2026156eab2f
CREATE TABLE dvr_host_macs (
	host varchar(255) NOT NULL,
	mac_address varchar(32) NOT NULL,
	PRIMARY KEY (host),
	UNIQUE KEY mac_address (mac_address)
)ENGINE=InnoDB;
CREATE TABLE ml2_dvr_port_bindings (
	port_id varchar(36) NOT NULL,
	host varchar(255) NOT NULL,
	router_id varchar(36),
	vif_type varchar(64) NOT NULL,
	vif_details varchar(4095) NOT NULL DEFAULT '',
	vnic_type varchar(64) NOT NULL DEFAULT 'normal',
	profile varchar(4095) NOT NULL DEFAULT '',
	cap_port_filter tinyint(1) NOT NULL,
	driver varchar(64),
	segment varchar(36),
	status varchar(16) NOT NULL,
	PRIMARY KEY (port_id,host),
	KEY segment (segment),
	CONSTRAINT ml2_dvr_port_bindings_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CONSTRAINT ml2_dvr_port_bindings_ibfk_2 FOREIGN KEY (segment) REFERENCES ml2_network_segments (id) ON DELETE SET NULL,
	CHECK (cap_port_filter in (0,1))
)ENGINE=InnoDB;
-- to 37f322991f59
DROP TABLE routerroutes_mapping;
DROP TABLE floatingip_pool_mapping;
DROP TABLE floatingip_mapping;
-- to 31d7f831a591
DELETE routerl3agentbindings FROM routerl3agentbindings LEFT OUTER JOIN (SELECT MIN(id) as id, router_id, l3_agent_id  FROM routerl3agentbindings GROUP BY router_id, l3_agent_id) AS temp ON routerl3agentbindings.id = temp.id WHERE temp.id is NULL;
ALTER TABLE routerl3agentbindings DROP COLUMN id;
ALTER TABLE routerl3agentbindings DROP FOREIGN KEY routerl3agentbindings_ibfk_1;
ALTER TABLE routerl3agentbindings DROP FOREIGN KEY routerl3agentbindings_ibfk_2;
ALTER TABLE routerl3agentbindings ADD PRIMARY KEY (router_id, l3_agent_id);
ALTER TABLE routerl3agentbindings ADD CONSTRAINT routerl3agentbindings_ibfk_1 FOREIGN KEY(l3_agent_id) REFERENCES agents (id) ON DELETE CASCADE;
ALTER TABLE routerl3agentbindings ADD CONSTRAINT routerl3agentbindings_ibfk_2 FOREIGN KEY(router_id) REFERENCES routers (id) ON DELETE CASCADE;
-- to 5589aa32bf80
CREATE TABLE csnat_l3_agent_bindings (
	router_id varchar(36) NOT NULL,
	l3_agent_id varchar(36) NOT NULL,
	host_id varchar(255),
	csnat_gw_port_id varchar(36),
	PRIMARY KEY (router_id),
	KEY l3_agent_id (l3_agent_id),
	KEY csnat_gw_port_id (csnat_gw_port_id),
	CONSTRAINT csnat_l3_agent_bindings_ibfk_1 FOREIGN KEY (l3_agent_id) REFERENCES agents (id) ON DELETE CASCADE,
	CONSTRAINT csnat_l3_agent_bindings_ibfk_2 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE,
	CONSTRAINT csnat_l3_agent_bindings_ibfk_3 FOREIGN KEY (csnat_gw_port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- to 884573acbf1c
ALTER TABLE router_extra_attributes ADD service_router BOOL NOT NULL DEFAULT 0, ADD CHECK (service_router IN (0, 1));
-- to 4eba2f05c2f4
ALTER TABLE ml2_vxlan_endpoints DROP PRIMARY KEY, ADD PRIMARY KEY (ip_address);
-- to 327ee5fde2c7
-- to 3b85b693a95f
-- if table servicedefinitions
DROP TABLE servicedefinitions;
-- if table servicetypes
DROP TABLE servicetypes;
-- to aae5706a396
CREATE TABLE nuage_provider_net_bindings (
	network_id varchar(36) NOT NULL,
	network_type varchar(32) NOT NULL,
	physical_network varchar(64) NOT NULL,
	vlan_id int(11) NOT NULL,
	PRIMARY KEY (network_id),
	CONSTRAINT nuage_provider_net_bindings_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- to 32f3915891fd
DROP TABLE cisco_ml2_apic_epgs;
DROP TABLE cisco_ml2_apic_port_profiles;
CREATE TABLE cisco_ml2_apic_host_links (
	host varchar(255) NOT NULL,
	ifname varchar(64) NOT NULL,
	ifmac varchar(32),
	swid varchar(32) NOT NULL,
	module varchar(32) NOT NULL,
	port varchar(32) NOT NULL,
	PRIMARY KEY (host,ifname)
)ENGINE=InnoDB;
CREATE TABLE cisco_ml2_apic_names (
	neutron_id varchar(36) NOT NULL,
	neutron_type varchar(32) NOT NULL,
	apic_name varchar(255) NOT NULL,
	PRIMARY KEY (neutron_id,neutron_type)
)ENGINE=InnoDB;
-- to 58fe87a01143
CREATE TABLE cisco_hosting_devices (
	tenant_id varchar(255),
	id varchar(36) NOT NULL,
	complementary_id varchar(36),
	device_id varchar(255),
	admin_state_up tinyint(1) NOT NULL,
	management_port_id varchar(36),
	protocol_port int(11),
	cfg_agent_id varchar(36),
	created_at datetime NOT NULL,
	status varchar(16),
	PRIMARY KEY (id),
	KEY cfg_agent_id (cfg_agent_id),
	KEY management_port_id (management_port_id),
	CONSTRAINT cisco_hosting_devices_ibfk_1 FOREIGN KEY (cfg_agent_id) REFERENCES agents (id),
	CONSTRAINT cisco_hosting_devices_ibfk_2 FOREIGN KEY (management_port_id) REFERENCES ports (id) ON DELETE SET NULL,
	CHECK (admin_state_up in (0,1))
)ENGINE=InnoDB;
CREATE TABLE cisco_port_mappings (
	logical_resource_id varchar(36) NOT NULL,
	logical_port_id varchar(36) NOT NULL,
	port_type varchar(32),
	network_type varchar(32),
	hosting_port_id varchar(36),
	segmentation_id int(11),
	PRIMARY KEY (logical_resource_id,logical_port_id),
	KEY hosting_port_id (hosting_port_id),
	KEY logical_port_id (logical_port_id),
	CONSTRAINT cisco_port_mappings_ibfk_1 FOREIGN KEY (hosting_port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CONSTRAINT cisco_port_mappings_ibfk_2 FOREIGN KEY (logical_port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
CREATE TABLE cisco_router_mappings (
	router_id varchar(36) NOT NULL,
	auto_schedule tinyint(1) NOT NULL,
	hosting_device_id varchar(36),
	PRIMARY KEY (router_id),
	KEY hosting_device_id (hosting_device_id),
	CONSTRAINT cisco_router_mappings_ibfk_1 FOREIGN KEY (hosting_device_id) REFERENCES cisco_hosting_devices (id) ON DELETE SET NULL,
	CONSTRAINT cisco_router_mappings_ibfk_2 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE,
	CHECK (auto_schedule in (0,1))
)ENGINE=InnoDB;
-- to 236b90af57ab
ALTER TABLE ml2_network_segments ADD is_dynamic BOOL NOT NULL DEFAULT 0, ADD CHECK (is_dynamic IN (0, 1));
-- to 86d6d9776e2b
DROP TABLE cisco_ml2_apic_contracts;
CREATE TABLE cisco_ml2_apic_contracts (
	tenant_id varchar(255),
	router_id varchar(64) NOT NULL,
	PRIMARY KEY (router_id),
	CONSTRAINT cisco_ml2_apic_contracts_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id)
)ENGINE=InnoDB;
-- to 16a27a58e093
ALTER TABLE router_extra_attributes ADD ha BOOL NOT NULL DEFAULT 0, ADD CHECK (ha IN (0, 1));
ALTER TABLE router_extra_attributes ADD ha_vr_id INTEGER;
CREATE TABLE ha_router_agent_port_bindings (
	port_id varchar(36) NOT NULL,
	router_id varchar(36) NOT NULL,
	l3_agent_id varchar(36),
	state enum('active','standby') DEFAULT 'standby',
	PRIMARY KEY (port_id),
	KEY router_id (router_id),
	KEY l3_agent_id (l3_agent_id),
	CONSTRAINT ha_router_agent_port_bindings_ibfk_1 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE,
	CONSTRAINT ha_router_agent_port_bindings_ibfk_2 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE,
	CONSTRAINT ha_router_agent_port_bindings_ibfk_3 FOREIGN KEY (l3_agent_id) REFERENCES agents (id) ON DELETE CASCADE
)ENGINE=InnoDB;
CREATE TABLE ha_router_networks (
	tenant_id varchar(255) NOT NULL,
	network_id varchar(36) NOT NULL,
	PRIMARY KEY (tenant_id,network_id),
	KEY network_id (network_id),
	CONSTRAINT ha_router_networks_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
CREATE TABLE ha_router_vrid_allocations (
	network_id varchar(36) NOT NULL,
	vr_id int(11) NOT NULL AUTO_INCREMENT,
	PRIMARY KEY (network_id,vr_id),
	KEY idx_autoinc_vr_id (vr_id),
	CONSTRAINT ha_router_vrid_allocations_ibfk_1 FOREIGN KEY (network_id) REFERENCES networks (id) ON DELETE CASCADE
)ENGINE=InnoDB;
-- to 3c346828361e
-- to 1680e1f0c4dc
-- to 544673ac99ab
CREATE TABLE routerports (
	router_id varchar(36) NOT NULL,
	port_id varchar(36) NOT NULL,
	port_type varchar(255),
	PRIMARY KEY (router_id,port_id),
	KEY port_id (port_id),
	CONSTRAINT routerports_ibfk_1 FOREIGN KEY (router_id) REFERENCES routers (id) ON DELETE CASCADE,
	CONSTRAINT routerports_ibfk_2 FOREIGN KEY (port_id) REFERENCES ports (id) ON DELETE CASCADE
)ENGINE=InnoDB;
INSERT INTO routerports SELECT p.device_id as router_id, p.id as port_id, p.device_owner as port_type FROM ports p JOIN routers r ON (p.device_id = r.id) WHERE p.device_owner IN ('network:router_interface', 'network:router_gateway', 'network:floatingip');
-- to juno
