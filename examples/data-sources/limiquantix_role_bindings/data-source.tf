data "limiquantix_role_bindings" "all" {}

output "role_binding_names" {
  value = [for one in data.limiquantix_role_bindings.all.role_bindings : one.name]
}
