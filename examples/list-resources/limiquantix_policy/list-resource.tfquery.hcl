list "limiquantix_policy" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
