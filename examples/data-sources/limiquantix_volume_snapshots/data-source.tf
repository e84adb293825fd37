data "limiquantix_volume_snapshots" "all" {}

output "volume_snapshot_names" {
  value = [for one in data.limiquantix_volume_snapshots.all.volume_snapshots : one.name]
}
