data "limiquantix_service_account" "pipeline" {
  name = "pipeline"
}

output "service_account_id" {
  value = data.limiquantix_service_account.pipeline.id
}
