data "limiquantix_vms" "web" {
  labels = { role = "web" }
}

output "phases" {
  value = { for vm in data.limiquantix_vms.web.vms : vm.name => vm.status.phase }
}
