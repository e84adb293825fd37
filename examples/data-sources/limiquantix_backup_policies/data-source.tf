data "limiquantix_backup_policies" "all" {}

output "backup_policy_names" {
  value = [for one in data.limiquantix_backup_policies.all.backup_policies : one.name]
}
