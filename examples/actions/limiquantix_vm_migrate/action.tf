action "limiquantix_vm_migrate" "web" {
  config {
    id             = limiquantix_vm.web.id
    target_node_id = data.limiquantix_node.hv2.id
    kind           = "live"
  }
}

# terraform apply -invoke=action.limiquantix_vm_migrate.web
