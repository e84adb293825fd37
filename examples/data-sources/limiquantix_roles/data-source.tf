data "limiquantix_roles" "all" {}

output "role_names" {
  value = [for one in data.limiquantix_roles.all.roles : one.name]
}
