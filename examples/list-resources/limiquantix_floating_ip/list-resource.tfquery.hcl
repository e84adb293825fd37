list "limiquantix_floating_ip" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
