data "limiquantix_images" "all" {}

output "names" {
  value = data.limiquantix_images.all.images[*].name
}
