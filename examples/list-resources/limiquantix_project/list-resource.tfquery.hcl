list "limiquantix_project" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
