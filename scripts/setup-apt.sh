#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages for real backends (QEMU, libvirt, OVN, Open vSwitch, etcd) and for
# building the guest image. Does nothing, fast, when they are there. No service is started: the lab
# starts its own daemons. Without root or apt it says what is missing and ends with success, because
# the simulator, and all that is tested on it, needs none of them.
set -euo pipefail

readonly packages=(
  # the lab's hosts and OVN central
  qemu-system-x86 qemu-utils libvirt-daemon-system libvirt-clients
  ovn-central ovn-host openvswitch-switch
  iproute2 ethtool nftables procps util-linux
  # the store for several servers, for its tests
  etcd-server etcd-client
  # the guest image: boot sector, file systems, user land
  busybox-static cpio dosfstools e2fsprogs fdisk kmod mtools syslinux syslinux-common xz-utils
)
readonly policy=/usr/sbin/policy-rc.d

say() { printf 'setup-apt: %s\n' "$*"; }

missing_packages() {
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
  local name
  for name in "${packages[@]}"; do
    grep -qx "installed ${name}" <<<"${installed}" || printf '%s\n' "${name}"
  done
}

without_lab() {
  say "$1"
  say "the simulator works without these packages; the lab of real hosts and the guest image do not"
  exit 0
}

# A policy-rc.d that answers 101 (action forbidden) keeps maintainer scripts from starting services.
forbid_services() {
  saved=$(mktemp -d)
  trap restore_services EXIT
  trap 'exit 129' HUP INT TERM
  if [ -e "${policy}" ]; then mv "${policy}" "${saved}/policy-rc.d"; fi
  printf '#!/bin/sh\nexit 101\n' >"${policy}"
  chmod 755 "${policy}"
}

restore_services() {
  rm -f "${policy}"
  if [ -e "${saved}/policy-rc.d" ]; then mv "${saved}/policy-rc.d" "${policy}"; fi
  rmdir "${saved}"
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  without_lab "no apt here (not Debian or Ubuntu); install by hand what provides: ${packages[*]}"
fi
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -eq 0 ]; then
  say "all ${#packages[@]} packages are installed"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  without_lab "not root, so not installed: ${missing[*]} (run 'sudo scripts/setup-apt.sh')"
fi

say "installing ${missing[*]}"
forbid_services
export DEBIAN_FRONTEND=noninteractive
# Lists that are absent or older than a day name versions that the mirror may no longer have.
if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 -print -quit)" ]; then
  apt-get update -qq
fi
log=$(mktemp)
if ! apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" \
  >"${log}" 2>&1; then
  cat "${log}"
  say "apt-get failed, see above"
  exit 1
fi
rm -f "${log}"
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -ne 0 ]; then
  say "still missing after the install: ${missing[*]}"
  exit 1
fi
say "done"
