data "limiquantix_role_binding" "deployer" {
  name = "deployer"
}

output "role_binding_id" {
  value = data.limiquantix_role_binding.deployer.id
}
