data "limiquantix_security_groups" "all" {}

output "security_group_names" {
  value = [for one in data.limiquantix_security_groups.all.security_groups : one.name]
}
