list "limiquantix_security_group" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
