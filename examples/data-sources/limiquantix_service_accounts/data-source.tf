data "limiquantix_service_accounts" "all" {}

output "service_account_names" {
  value = [for one in data.limiquantix_service_accounts.all.service_accounts : one.name]
}
