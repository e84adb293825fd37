data "limiquantix_address_sets" "all" {}

output "address_set_names" {
  value = [for one in data.limiquantix_address_sets.all.address_sets : one.name]
}
