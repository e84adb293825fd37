data "limiquantix_address_set" "offices" {
  name = "offices"
}

output "address_set_id" {
  value = data.limiquantix_address_set.offices.id
}
