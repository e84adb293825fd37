variable "guest_image" {
  description = "Path of the image that the machines boot (qcow2 or raw); `make guest-image` makes one."
  type        = string
}
