resource "limiquantix_service_account" "pipeline" {
  name        = "pipeline"
  description = "Applies the fleet from the main branch."
}
