output "addresses" {
  description = "The address of each machine."
  value = {
    for name, vm in limiquantix_vm.fleet : name => vm.status.nics["lan"].ip_addresses[0]
  }
}
