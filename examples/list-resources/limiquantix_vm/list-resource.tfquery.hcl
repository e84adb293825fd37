list "limiquantix_vm" "web" {
  provider         = limiquantix
  include_resource = true
  limit            = 200

  config {
    project_id = "default"
    labels     = { role = "web" }
    filter     = "status.phase=running"
    order_by   = "name"
  }
}
