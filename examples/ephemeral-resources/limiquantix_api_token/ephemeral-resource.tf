# For this run only: revoked when Terraform ends, and in no state, plan or log.
ephemeral "limiquantix_api_token" "run" {
  expires_in_seconds = 600
}

provider "limiquantix" {
  alias = "short_lived"
  token = ephemeral.limiquantix_api_token.run.token
}

resource "limiquantix_project" "sandbox" {
  provider = limiquantix.short_lived
  name     = "sandbox"
}
