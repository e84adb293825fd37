data "limiquantix_volume" "data" {
  name = "data"
}

output "used_by" {
  value = data.limiquantix_volume.data.status.vm_id
}
