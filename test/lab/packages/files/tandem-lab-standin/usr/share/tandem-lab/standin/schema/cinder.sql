-- cinder 22 to 26
-- to 23
-- to 24
ALTER TABLE volumes ADD replication_status VARCHAR(255);
ALTER TABLE volumes ADD replication_extended_status VARCHAR(255);
ALTER TABLE volumes ADD replication_driver_data VARCHAR(255);
UPDATE volumes SET replication_status='disabled';
-- to 25
CREATE TABLE consistencygroups (
	created_at DATETIME,
	updated_at DATETIME,
	deleted_at DATETIME,
	deleted BOOL,
	id VARCHAR(36) NOT NULL,
	user_id VARCHAR(255),
	project_id VARCHAR(255),
	host VARCHAR(255),
	availability_zone VARCHAR(255),
	name VARCHAR(255),
	description VARCHAR(255),
	volume_type_id VARCHAR(255),
	status VARCHAR(255),
	PRIMARY KEY (id),
	CHECK (deleted IN (0, 1))
)ENGINE=InnoDB CHARSET=utf8;
CREATE TABLE cgsnapshots (
	created_at DATETIME,
	updated_at DATETIME,
	deleted_at DATETIME,
	deleted BOOL,
	id VARCHAR(36) NOT NULL,
	consistencygroup_id VARCHAR(36) NOT NULL,
	user_id VARCHAR(255),
	project_id VARCHAR(255),
	name VARCHAR(255),
	description VARCHAR(255),
	status VARCHAR(255),
	PRIMARY KEY (id),
	FOREIGN KEY(consistencygroup_id) REFERENCES consistencygroups (id),
	CHECK (deleted IN (0, 1))
)ENGINE=InnoDB CHARSET=utf8;
ALTER TABLE volumes ADD consistencygroup_id VARCHAR(36);
ALTER TABLE volumes ADD CONSTRAINT FOREIGN KEY(consistencygroup_id) REFERENCES consistencygroups (id);
ALTER TABLE snapshots ADD cgsnapshot_id VARCHAR(36);
ALTER TABLE snapshots ADD CONSTRAINT FOREIGN KEY(cgsnapshot_id) REFERENCES cgsnapshots (id);
-- to 26
INSERT INTO quota_classes (created_at, class_name, resource, hard_limit, deleted) VALUES (UTC_TIMESTAMP(), 'default', 'consistencygroups', 10, 0);
