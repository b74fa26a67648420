#!/bin/sh
# Installs the Debian packages that the tests of installation need and this machine lacks. Prints nothing when all are there.
set -eu

# buildah builds the image; containerd, runc and the plugins run it; the others are what it is installed beside.
PACKAGES="buildah containerd runc containernetworking-plugins iproute2 prometheus redis-server lua5.4 iptables conntrack"

missing=""
for package in $PACKAGES; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "[packages] the tests of installation need Debian or Ubuntu; missing here:$missing" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "[packages] the tests of installation need root, and these packages:$missing" >&2
  exit 1
fi
echo "[packages] installing$missing" >&2
# Nothing is started: the tests run their own.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d.swarm
chmod +x /usr/sbin/policy-rc.d.swarm
own=""
[ -e /usr/sbin/policy-rc.d ] || { mv /usr/sbin/policy-rc.d.swarm /usr/sbin/policy-rc.d; own=yes; }
trap 'rm -f /usr/sbin/policy-rc.d.swarm; [ -z "$own" ] || rm -f /usr/sbin/policy-rc.d' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
