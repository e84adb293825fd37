variable "guest_image" {
  description = "Path of the qcow2 or raw image that the machines boot; `make guest-image` makes one."
  type        = string
}
