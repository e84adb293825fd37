resource "limiquantix_storage_pool" "local" {
  name      = "volume-example"
  directory = { path = "/var/lib/limiquantix/pools/volume-example" }
}

# Outlives the machines that use it. Raise size_gib to grow it in place; it never shrinks.
resource "limiquantix_volume" "data" {
  name     = "data"
  pool_id  = limiquantix_storage_pool.local.id
  size_gib = 10
}
