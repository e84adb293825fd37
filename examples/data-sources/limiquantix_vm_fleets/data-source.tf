data "limiquantix_vm_fleets" "all" {}

output "vm_fleet_names" {
  value = [for one in data.limiquantix_vm_fleets.all.vm_fleets : one.name]
}
