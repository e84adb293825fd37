data "limiquantix_volume_snapshot" "before_upgrade" {
  name = "before-upgrade"
}

output "volume_snapshot_id" {
  value = data.limiquantix_volume_snapshot.before_upgrade.id
}
