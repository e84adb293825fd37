resource "limiquantix_service_account" "monitor" {
  name = "monitor"
}

# The token itself never is in Terraform's state: `limiquantix api-token issue monitor` shows it once.
resource "limiquantix_api_token" "monitor" {
  name               = "monitor"
  service_account_id = limiquantix_service_account.monitor.id
}
