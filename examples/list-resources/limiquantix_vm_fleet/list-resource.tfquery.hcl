list "limiquantix_vm_fleet" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
