list "limiquantix_role" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
