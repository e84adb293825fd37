list "limiquantix_vm_snapshot" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
