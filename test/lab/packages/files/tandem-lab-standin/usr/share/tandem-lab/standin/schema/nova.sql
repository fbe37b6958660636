-- nova 233 to 254
-- to 234
-- to 235
-- to 236
-- to 237
-- to 238
-- to 239
-- to 240
-- to 241
-- to 242
-- to 243
-- to 244
ALTER TABLE volume_usage_cache CHANGE COLUMN user_id user_id VARCHAR(64);
-- to 245
ALTER TABLE networks ADD mtu INTEGER;
ALTER TABLE networks ADD dhcp_server VARCHAR(39);
ALTER TABLE networks ADD enable_dhcp BOOL;
ALTER TABLE networks ADD share_address BOOL;
ALTER TABLE shadow_networks ADD mtu INTEGER;
ALTER TABLE shadow_networks ADD dhcp_server VARCHAR(39);
ALTER TABLE shadow_networks ADD enable_dhcp BOOL;
ALTER TABLE shadow_networks ADD share_address BOOL;
-- to 246
ALTER TABLE pci_devices ADD CONSTRAINT pci_devices_compute_node_id_fkey FOREIGN KEY(compute_node_id) REFERENCES compute_nodes (id);
-- to 247
ALTER TABLE quota_usages CHANGE COLUMN resource resource VARCHAR(255) NOT NULL;
ALTER TABLE pci_devices CHANGE COLUMN deleted deleted INTEGER;
ALTER TABLE pci_devices CHANGE COLUMN product_id product_id VARCHAR(4) NOT NULL;
ALTER TABLE pci_devices CHANGE COLUMN vendor_id vendor_id VARCHAR(4) NOT NULL;
ALTER TABLE pci_devices CHANGE COLUMN dev_type dev_type VARCHAR(8) NOT NULL;
-- to 248
-- to 249
DROP INDEX block_device_mapping_instance_uuid_virtual_name_device_name_idx ON block_device_mapping;
-- to 250
-- if table instance_group_metadata
DROP TABLE instance_group_metadata;
-- if table shadow_instance_group_metadata
DROP TABLE shadow_instance_group_metadata;
-- to 251
ALTER TABLE compute_nodes ADD numa_topology TEXT;
ALTER TABLE shadow_compute_nodes ADD numa_topology TEXT;
-- to 252
-- unless table instance_extra
CREATE TABLE instance_extra (
	created_at DATETIME,
	updated_at DATETIME,
	deleted_at DATETIME,
	deleted INTEGER,
	id INTEGER NOT NULL AUTO_INCREMENT,
	instance_uuid VARCHAR(36) NOT NULL,
	numa_topology TEXT,
	PRIMARY KEY (id),
	KEY instance_extra_idx (instance_uuid),
	CONSTRAINT instance_extra_instance_uuid_fkey FOREIGN KEY(instance_uuid) REFERENCES instances (uuid)
)ENGINE=InnoDB CHARSET=utf8;
-- unless table shadow_instance_extra
CREATE TABLE shadow_instance_extra (
	created_at DATETIME,
	updated_at DATETIME,
	deleted_at DATETIME,
	deleted INTEGER,
	id INTEGER NOT NULL AUTO_INCREMENT,
	instance_uuid VARCHAR(36) NOT NULL,
	numa_topology TEXT,
	PRIMARY KEY (id),
	KEY shadow_instance_extra_idx (instance_uuid)
)ENGINE=InnoDB CHARSET=utf8;
-- to 253
-- unless column instance_extra.pci_requests
ALTER TABLE instance_extra ADD pci_requests TEXT;
-- unless column shadow_instance_extra.pci_requests
ALTER TABLE shadow_instance_extra ADD pci_requests TEXT;
-- to 254
-- unless column pci_devices.request_id
ALTER TABLE pci_devices ADD request_id VARCHAR(36);
-- unless column shadow_pci_devices.request_id
ALTER TABLE shadow_pci_devices ADD request_id VARCHAR(36);
