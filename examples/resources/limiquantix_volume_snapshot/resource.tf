resource "limiquantix_storage_pool" "local" {
  name      = "volume-snapshot-example"
  directory = { path = "/var/lib/limiquantix/pools/volume-snapshot-example" }
}

resource "limiquantix_volume" "data" {
  name     = "volume-snapshot-example"
  pool_id  = limiquantix_storage_pool.local.id
  size_gib = 1
}

resource "limiquantix_volume_snapshot" "before_upgrade" {
  name            = "before-upgrade"
  volume_id       = limiquantix_volume.data.id
  retention_hours = 72
}
