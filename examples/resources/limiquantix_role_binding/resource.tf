resource "limiquantix_role" "deployer" {
  name        = "deployer"
  permissions = ["*.get", "*.list", "vm.*", "vm_fleet.*"]
}

resource "limiquantix_service_account" "deployer" {
  name = "deployer"
}

# The role holds in one project; without project_name it would hold everywhere.
resource "limiquantix_role_binding" "deployer" {
  name                = "deployer"
  role_id             = limiquantix_role.deployer.id
  project_name        = "default"
  service_account_ids = [limiquantix_service_account.deployer.id]
}
