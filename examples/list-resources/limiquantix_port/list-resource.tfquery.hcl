list "limiquantix_port" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
