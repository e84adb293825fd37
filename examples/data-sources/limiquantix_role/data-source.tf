data "limiquantix_role" "backup_operator" {
  name = "backup-operator"
}

output "role_id" {
  value = data.limiquantix_role.backup_operator.id
}
