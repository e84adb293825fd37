resource "limiquantix_storage_pool" "backups" {
  name      = "backup-policy-example"
  directory = { path = "/var/lib/limiquantix/pools/backup-policy-example" }
}

# Every night at two, all machines with the label backup = "nightly".
resource "limiquantix_backup_policy" "nightly" {
  name      = "nightly"
  schedule  = "0 2 * * *"
  vm_labels = { backup = "nightly" }
  pool_id   = limiquantix_storage_pool.backups.id
  retention = { keep_daily = 14, keep_weekly = 8 }
}
