data "limiquantix_vms" "web" {
  project_id = "default"
  labels     = { role = "web" }
  filter     = "status.phase=running"
  order_by   = "created_at desc"
}

output "phases" {
  value = { for vm in data.limiquantix_vms.web.vms : vm.name => vm.status.phase }
}
