#!/usr/bin/env bash
# Builds the guest image for tests and the demo: a bootable qcow2 from Debian packages only (cloud
# kernel, busybox, qemu-guest-agent) plus the scripts in guest/. Needs no root and no network when
# nothing has changed: the image is kept under a hash of everything that went into it.
# Usage: guest-image.sh [OUTPUT_DIRECTORY]      (default .build/guest)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly out=${1:-$(dirname "${here}")/.build/guest}
readonly image="${out}/limiquantix-guest.qcow2"
readonly kernel_meta=linux-image-cloud-amd64
readonly disk_sectors=131072 boot_start=2048 boot_sectors=32768 # 512-byte sectors
readonly root_start=$((boot_start + boot_sectors))
# A guest for tests under emulation: no hardening and no self-tests that cost seconds of boot there.
readonly command_line="console=tty0 console=ttyS0 quiet loglevel=4 net.ifnames=0 \
random.trust_cpu=on tsc=reliable no_timer_check cryptomgr.notests mitigations=off nokaslr nosmap \
nosmep no5lvl lsm=capability audit=0 rcupdate.rcu_expedited=1 init_on_alloc=0 debugfs=off \
memhp_default_state=online"
export PATH="${PATH}:/usr/sbin:/sbin"
export LC_ALL=C E2FSPROGS_FAKE_TIME=1 SOURCE_DATE_EPOCH=1 MTOOLS_SKIP_CHECK=1

fail() {
  printf 'guest-image: %s\n' "$*" >&2
  exit 1
}

check_tools() {
  local need missing=()
  for need in apt-get apt-cache dpkg-deb busybox:busybox-static cpio modprobe:kmod depmod:kmod \
    mke2fs:e2fsprogs resize2fs:e2fsprogs mkfs.fat:dosfstools mcopy:mtools syslinux sfdisk:fdisk \
    qemu-img:qemu-utils xz:xz-utils; do
    command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
  done
  [ "${#missing[@]}" -eq 0 ] || fail "missing packages: ${missing[*]} (run scripts/setup-apt.sh)"
  [ "$(dpkg --print-architecture)" = amd64 ] || fail "only amd64 is supported"
}

candidate() { apt-cache policy "$1" | awk '/Candidate:/ { print $2 }'; }

# Unpacks a package below ${unpacked} once; prints where.
unpack() {
  local target="${out}/packages/$1_$(candidate "$1")"
  if [ ! -d "${target}" ]; then
    local part="${target}.part"
    rm -rf "${part:?}"
    mkdir -p "${part}/deb"
    (cd "${part}/deb" && apt-get download -qq -o APT::Sandbox::User=root "$1" >&2) ||
      fail "cannot download $1 (are the apt lists current? run 'apt-get update' as root)"
    dpkg-deb -x "${part}"/deb/*.deb "${part}"
    rm -r "${part:?}/deb"
    mv "${part}" "${target}"
  fi
  printf '%s\n' "${target}"
}

# Copies modules with what they depend on; prints their names in the order they must be loaded in.
copy_modules() { # target-dir kernel-dir kernel-version module...
  local target=$1 kernel=$2 version=$3 module file name
  shift 3
  mkdir -p "${target}"
  for module in "$@"; do
    # A module that is built in shows no insmod line.
    modprobe -d "${kernel}" -S "${version}" --show-depends "${module}" | awk '/^insmod/ { print $2 }'
  done | awk '!seen[$0]++' | while read -r file; do
    name=$(basename "${file%.xz}")
    case "${file}" in
    *.xz) xz -dc "${file}" >"${target}/${name}" ;;
    *) cp "${file}" "${target}/${name}" ;;
    esac
    printf '%s\n' "${name}"
  done
}

# Copies a program to the same place below the root, with the shared libraries it needs.
copy_program() { # root source target
  install -D -m 755 "$2" "$1$3"
  local library
  ldd "$2" | awk '$2 == "=>" { print $3 }' |
    while read -r library; do
      install -D -m 755 "${library}" "$1/lib/$(basename "${library}")"
    done
  install -D -m 755 /lib64/ld-linux-x86-64.so.2 "$1/lib64/ld-linux-x86-64.so.2"
}

make_initramfs() { # work kernel-dir version
  local root="$1/initramfs"
  mkdir -p "${root}"/{bin,dev,proc,sys,run,root,modules}
  cp "$(command -v busybox)" "${root}/bin/busybox"
  local applet
  for applet in sh mount insmod findfs cat printf dd blockdev usleep mkdir echo switch_root; do
    ln -s busybox "${root}/bin/${applet}"
  done
  local modules="${root}/modules"
  copy_modules "${modules}" "$2" "$3" virtio_pci virtio_blk >"${modules}/virtio-blk"
  copy_modules "${modules}" "$2" "$3" virtio_scsi sd_mod |
    grep -vxFf "${modules}/virtio-blk" >"${modules}/virtio-scsi"
  copy_modules "${modules}" "$2" "$3" crc32c_generic ext4 >"${modules}/ext4"
  cp "${here}/guest/initramfs-init" "${root}/init"
  find "${root}" -exec touch -h -d @1 {} +
  (cd "${root}" && find . | sort | cpio -o -H newc --quiet -R 0:0 --reproducible) |
    gzip -9n >"$1/initramfs.gz"
}

make_root() { # work kernel-dir version agent-dir
  local root="$1/root" applet
  mkdir -p "${root}"/{bin,sbin,usr/bin,usr/sbin,lib/modules,lib64,dev,proc,sys,run,tmp,root,home,mnt} \
    "${root}"/etc/{guest,acpi/PWRF,qemu/fsfreeze-hook.d} "${root}"/var/{lib/guest,log}
  ln -s ../run "${root}/var/run"
  chmod 1777 "${root}/tmp"
  cp "$(command -v busybox)" "${root}/bin/busybox"
  for applet in $(busybox --list); do
    case "${applet}" in busybox | dpkg* | rpm* | reset) ;; *) ln -s busybox "${root}/bin/${applet}" ;; esac
  done
  ln -s ../bin/busybox "${root}/sbin/init"
  ln -s ../bin/busybox "${root}/sbin/uevent"
  copy_program "${root}" "$4/usr/sbin/qemu-ga" /usr/sbin/qemu-ga
  copy_program "${root}" "$(command -v resize2fs)" /sbin/resize2fs
  # With what the initramfs has loaded, or modprobe would not know what is there already.
  copy_modules "${root}/lib/modules/$3" "$2" "$3" virtio_pci virtio_blk ext4 virtio_console \
    virtio_net virtio_balloon virtio_mem virtio_scsi sd_mod sr_mod isofs nls_ascii nls_cp437 nls_utf8 vfat \
    button evdev >/dev/null
  cp "$2/lib/modules/$3"/modules.{builtin,builtin.modinfo,order} "${root}/lib/modules/$3/"
  depmod -b "${root}" "$3"
  rm "${root}/lib/modules/$3"/modules.{builtin.modinfo,*.bin}
  ln -s ../bin/busybox "${root}/sbin/modprobe"
  cp "${here}"/guest/{rc,seed,network,dhcp-event,hotplug,yaml-flat.awk} "${root}/etc/guest/"
  cp "${here}/guest/inittab" "${root}/etc/inittab"
  cp "${here}/guest/shutdown" "${root}/sbin/shutdown"
  printf '#!/bin/sh\nexec /sbin/shutdown -P +0\n' >"${root}/etc/acpi/PWRF/00000080"
  chmod 755 "${root}/etc/acpi/PWRF/00000080"
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"${root}/etc/passwd"
  printf 'root:!:19000:0:99999:7:::\n' >"${root}/etc/shadow"
  chmod 600 "${root}/etc/shadow"
  printf 'root:x:0:\n' >"${root}/etc/group"
  printf 'NAME="LimiQuantix guest"\nID=limiquantix-guest\nVERSION_ID="1"\n%s\n' \
    'PRETTY_NAME="LimiQuantix guest 1"' >"${root}/etc/os-release"
  find "${root}" -exec touch -h -d @1 {} +
}

# Partition 1 is FAT with syslinux, kernel and initramfs; partition 2 is the root file system.
make_disk() { # work kernel-dir version
  local disk="$1/disk.raw" boot="$1/disk.raw@@$((boot_start * 512))"
  truncate -s $((disk_sectors * 512)) "${disk}"
  printf 'label: dos\nlabel-id: 0x6c717801\nstart=%d,size=%d,type=e,bootable\nstart=%d,type=83\n' \
    "${boot_start}" "${boot_sectors}" "${root_start}" | sfdisk -q "${disk}"
  dd if=/usr/lib/syslinux/mbr/mbr.bin of="${disk}" conv=notrunc status=none
  mkfs.fat -F 16 -n LQXBOOT -i 6c717801 --invariant --offset "${boot_start}" "${disk}" \
    $((boot_sectors / 2)) >"$1/mkfs.log" 2>&1 || fail "mkfs.fat: $(cat "$1/mkfs.log")"
  printf 'DEFAULT linux\nPROMPT 0\nTIMEOUT 0\nLABEL linux\nKERNEL /vmlinuz\nINITRD /initrd.gz\nAPPEND %s\n' \
    "${command_line}" >"$1/syslinux.cfg"
  cp "$2/boot/vmlinuz-$3" "$1/vmlinuz"
  touch -d @1 "$1"/{vmlinuz,initramfs.gz,syslinux.cfg}
  mcopy -m -i "${boot}" "$1/vmlinuz" ::vmlinuz
  mcopy -m -i "${boot}" "$1/initramfs.gz" ::initrd.gz
  mcopy -m -i "${boot}" "$1/syslinux.cfg" ::syslinux.cfg
  syslinux --install --offset $((boot_start * 512)) "${disk}"
  # Blocks of 4 KiB and a table with room let it grow from this size to that of any disk.
  mke2fs -q -t ext4 -b 4096 -L limiquantix -U 6c717801-0000-4000-8000-000000000001 \
    -E "root_owner=0:0,hash_seed=6c717801-0000-4000-8000-000000000002,offset=$((root_start * 512))" \
    -J size=4 -d "$1/root" "${disk}" $(((disk_sectors - root_start) / 2))k
  qemu-img convert -f raw -O qcow2 -c "${disk}" "$1/image.qcow2"
}

check_tools
kernel=$(apt-cache depends "${kernel_meta}" | awk '/Depends: linux-image-/ { print $2; exit }')
[ -n "${kernel}" ] || fail "apt knows no ${kernel_meta} (Debian only); are the apt lists there?"
hash=$({
  candidate "${kernel}"
  candidate qemu-guest-agent
  dpkg-query -W -f '${Package} ${Version}\n' busybox-static e2fsprogs libc6 libglib2.0-0 \
    syslinux syslinux-common 2>/dev/null || true
  cat "${here}/guest-image.sh" "${here}"/guest/*
} | sha256sum | cut -c 1-16)
if [ -f "${image}" ] && [ "$(cat "${image}.inputs" 2>/dev/null)" = "${hash}" ]; then
  printf 'guest-image: %s is current\n' "${image}"
  exit 0
fi
# mke2fs copies owners: outside a user namespace where we are root, files would not be root's.
if [ "$(id -u)" -ne 0 ] && [ -z "${GUEST_IMAGE_INNER:-}" ]; then
  GUEST_IMAGE_INNER=1 exec unshare -r "$0" "$@" ||
    fail "needs root or unprivileged user namespaces"
fi

mkdir -p "${out}/packages"
work=$(mktemp -d "${out}/work.XXXXXX")
trap 'rm -rf "${work:?}"' EXIT
kernel_dir=$(unpack "${kernel}")
agent_dir=$(unpack qemu-guest-agent)
version=${kernel#linux-image-}
[ -f "${kernel_dir}/lib/modules/${version}/modules.dep" ] || depmod -b "${kernel_dir}" "${version}"
make_initramfs "${work}" "${kernel_dir}" "${version}"
make_root "${work}" "${kernel_dir}" "${version}" "${agent_dir}"
make_disk "${work}" "${kernel_dir}" "${version}"
mv "${work}/image.qcow2" "${image}"
printf '%s\n' "${hash}" >"${image}.inputs"
printf 'guest-image: %s, %s MiB, kernel %s\n' "${image}" \
  "$(($(stat -c %s "${image}") / 1048576))" "${version}"
