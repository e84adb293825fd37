data "limiquantix_vm_snapshot" "before_upgrade" {
  name = "before-upgrade"
}

output "vm_snapshot_id" {
  value = data.limiquantix_vm_snapshot.before_upgrade.id
}
