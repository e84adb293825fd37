resource "limiquantix_role" "backup_operator" {
  name        = "backup-operator"
  permissions = ["*.get", "*.list", "backup_policy.run", "backup.restore"]
}
