data "limiquantix_backup_policy" "nightly" {
  name = "nightly"
}

output "backup_policy_id" {
  value = data.limiquantix_backup_policy.nightly.id
}
