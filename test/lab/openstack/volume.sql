-- A volume of the old cloud: a row, since nothing was there to make one.
insert into volumes (id, user_id, project_id, size, status, attach_status, display_name, host, availability_zone, volume_type_id, service_uuid, deleted, created_at, use_quota, shared_targets)
  select '5f0c9c1e-6d0b-4a53-9a44-1e1d3f2a7b10', 'old', 'old', 1, 'available', 'detached', 'kept', 'controller@fake#fake', 'nova', id, null, 0, now(), 1, 0 from volume_types where name = '__DEFAULT__';
