list "limiquantix_role_binding" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
