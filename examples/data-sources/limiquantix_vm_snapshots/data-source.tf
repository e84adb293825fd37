data "limiquantix_vm_snapshots" "all" {}

output "vm_snapshot_names" {
  value = [for one in data.limiquantix_vm_snapshots.all.vm_snapshots : one.name]
}
