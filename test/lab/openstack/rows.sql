-- Rows of the old cloud that no service here was asked to make: a volume, a flavour, and the cell of the host that has nova-compute.
insert into cinder.volumes (id, user_id, project_id, size, status, attach_status, display_name, host, availability_zone, volume_type_id, deleted, created_at, use_quota, shared_targets)
  select '5f0c9c1e-6d0b-4a53-9a44-1e1d3f2a7b10', 'old', 'old', 1, 'available', 'detached', 'kept', 'controller@fake#fake', 'nova', id, 0, now(), 1, 0 from cinder.volume_types where name = '__DEFAULT__';
insert into nova_api.flavors (name, memory_mb, vcpus, swap, flavorid, rxtx_factor, root_gb, ephemeral_gb, disabled, is_public, created_at)
  values ('m1.tiny', 64, 1, 0, '1', 1, 0, 0, 0, 1, now());
insert into nova_api.host_mappings (cell_id, host, created_at) select id, 'controller', now() from nova_api.cell_mappings where name = 'cell1';
