data "limiquantix_vm_fleet" "workers" {
  name = "workers"
}

output "vm_fleet_id" {
  value = data.limiquantix_vm_fleet.workers.id
}
