data "limiquantix_vm" "web" {
  name = "web"
}

output "address" {
  value = data.limiquantix_vm.web.status.nics["lan"].ip_addresses[0]
}
