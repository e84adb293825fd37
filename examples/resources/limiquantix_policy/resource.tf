resource "limiquantix_policy" "small_machines" {
  name  = "small-machines"
  types = ["vm"]

  rules = {
    cores = {
      expression = "resource.spec.cpu.cores <= 32u"
      message    = "machines have 32 cores at most; split the work, or ask the platform team"
      path       = "spec.cpu.cores"
    }
  }
}
