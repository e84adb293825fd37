data "limiquantix_image" "debian" {
  name = "debian-12"
}

output "size_of_its_disk_bytes" {
  value = data.limiquantix_image.debian.status.virtual_size_bytes
}
