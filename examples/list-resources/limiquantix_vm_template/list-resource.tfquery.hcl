list "limiquantix_vm_template" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
