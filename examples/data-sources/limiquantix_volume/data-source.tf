data "limiquantix_volume" "data" {
  name = "data"
}

output "size_gib" {
  value = data.limiquantix_volume.data.size_gib
}
