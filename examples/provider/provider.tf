terraform {
  required_providers {
    limiquantix = { source = "limiquantix/limiquantix" }
  }
}

# Without arguments: from LIMIQUANTIX_ENDPOINT, LIMIQUANTIX_TOKEN and LIMIQUANTIX_CA_CERTIFICATE, or from the
# profile file that `limiquantix server` writes.
provider "limiquantix" {}
