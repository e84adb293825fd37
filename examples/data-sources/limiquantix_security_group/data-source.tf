data "limiquantix_security_group" "web" {
  name = "web"
}

output "security_group_id" {
  value = data.limiquantix_security_group.web.id
}
