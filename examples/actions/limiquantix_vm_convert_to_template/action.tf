action "limiquantix_vm_convert_to_template" "web" {
  config {
    id   = limiquantix_vm.web.id
    name = "web-golden"
    keep = true
  }
}

# terraform apply -invoke=action.limiquantix_vm_convert_to_template.web
