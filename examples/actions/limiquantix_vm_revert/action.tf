action "limiquantix_vm_revert" "web" {
  config {
    id          = limiquantix_vm.web.id
    snapshot_id = limiquantix_vm_snapshot.before_upgrade.id
    start       = true
  }
}

# terraform apply -invoke=action.limiquantix_vm_revert.web
