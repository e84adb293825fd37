action "limiquantix_vm_delete_snapshot" "web" {
  config {
    id          = limiquantix_vm.web.id
    snapshot_id = limiquantix_vm_snapshot.before_upgrade.id
  }
}

# terraform apply -invoke=action.limiquantix_vm_delete_snapshot.web
