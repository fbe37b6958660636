-- glance 34 to 36. No table names a character set: in a database whose default is latin1 they are made in latin1.
-- to 35
CREATE TABLE metadef_namespaces (
	id INTEGER NOT NULL AUTO_INCREMENT,
	namespace VARCHAR(80) NOT NULL,
	display_name VARCHAR(80),
	description TEXT,
	visibility VARCHAR(32),
	protected BOOL,
	owner VARCHAR(255) NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME,
	PRIMARY KEY (id),
	UNIQUE (namespace),
	CHECK (protected IN (0, 1))
)ENGINE=InnoDB;
CREATE INDEX ix_namespaces_namespace ON metadef_namespaces (namespace);
CREATE TABLE metadef_objects (
	id INTEGER NOT NULL AUTO_INCREMENT,
	namespace_id INTEGER NOT NULL,
	name VARCHAR(80) NOT NULL,
	description TEXT,
	required TEXT,
	`schema` TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME,
	PRIMARY KEY (id),
	UNIQUE (namespace_id, name),
	FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
)ENGINE=InnoDB;
CREATE INDEX ix_objects_namespace_id_name ON metadef_objects (namespace_id, name);
CREATE TABLE metadef_properties (
	id INTEGER NOT NULL AUTO_INCREMENT,
	namespace_id INTEGER NOT NULL,
	name VARCHAR(80) NOT NULL,
	`schema` TEXT NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME,
	PRIMARY KEY (id),
	UNIQUE (namespace_id, name),
	FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
)ENGINE=InnoDB;
CREATE INDEX ix_metadef_properties_namespace_id_name ON metadef_properties (namespace_id, name);
CREATE TABLE metadef_resource_types (
	id INTEGER NOT NULL AUTO_INCREMENT,
	name VARCHAR(80) NOT NULL,
	protected BOOL NOT NULL,
	created_at DATETIME NOT NULL,
	updated_at DATETIME,
	PRIMARY KEY (id),
	UNIQUE (name),
	CHECK (protected IN (0, 1))
)ENGINE=InnoDB;
CREATE INDEX ix_metadef_resource_types_name ON metadef_resource_types (name);
CREATE TABLE metadef_namespace_resource_types (
	resource_type_id INTEGER NOT NULL,
	namespace_id INTEGER NOT NULL,
	properties_target VARCHAR(80),
	prefix VARCHAR(80),
	created_at DATETIME NOT NULL,
	updated_at DATETIME,
	PRIMARY KEY (resource_type_id, namespace_id),
	UNIQUE (resource_type_id, namespace_id),
	FOREIGN KEY(resource_type_id) REFERENCES metadef_resource_types (id),
	FOREIGN KEY(namespace_id) REFERENCES metadef_namespaces (id)
)ENGINE=InnoDB;
CREATE INDEX ix_metadef_ns_res_types_res_type_id_ns_id ON metadef_namespace_resource_types (resource_type_id, namespace_id);
INSERT INTO metadef_resource_types (name, protected, created_at, updated_at) VALUES ('OS::Glance::Image', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP());
INSERT INTO metadef_resource_types (name, protected, created_at, updated_at) VALUES ('OS::Cinder::Volume', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP());
INSERT INTO metadef_resource_types (name, protected, created_at, updated_at) VALUES ('OS::Nova::Flavor', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP());
INSERT INTO metadef_resource_types (name, protected, created_at, updated_at) VALUES ('OS::Nova::Aggregate', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP());
INSERT INTO metadef_resource_types (name, protected, created_at, updated_at) VALUES ('OS::Nova::Instance', 1, UTC_TIMESTAMP(), UTC_TIMESTAMP());
-- to 36
ALTER TABLE metadef_objects CHANGE COLUMN `schema` json_schema TEXT NOT NULL;
ALTER TABLE metadef_properties CHANGE COLUMN `schema` json_schema TEXT NOT NULL;
