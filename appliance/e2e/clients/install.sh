#!/bin/sh
# Installs what is missing of the clients that the end-to-end tests run, and of what breaks disks for them, on Debian and its kin. Where that starts services, Debian starts
# carbon-c-relay and collectd too; the tests run their own.
set -eu
cd "$(dirname "$0")"

packages=
need() { # program, package
	command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || packages="$packages $2"
}
need bash bash
need curl curl
need nc netcat-openbsd
need python3 python3
need node nodejs
need npm npm
need carbon-c-relay carbon-c-relay
need collectd collectd-core
need kcat kcat
need java default-jre-headless
need mvn maven
need strace strace
need valgrind valgrind
need mkfs.ext4 e2fsprogs
need mkfs.xfs xfsprogs
/sbin/ldconfig -p | grep -q 'libyajl\.so\.2' || packages="$packages libyajl2" # collectd's write_http; only recommended there

if [ -n "$packages" ]; then
	root=
	[ "$(id -u)" = 0 ] || root=sudo
	$root apt-get update -q
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
fi

# the optional ones are for syslog, hash rings and Windows
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --omit=optional --ignore-scripts --no-audit --no-fund
go build -o /dev/null ./...
# the classpath names files that Maven keeps elsewhere: they may be gone
(IFS=:; [ kafka/classpath.txt -nt kafka/pom.xml ] && ls $(cat kafka/classpath.txt) >/dev/null 2>&1) ||
	mvn -q -B -f kafka/pom.xml dependency:build-classpath -Dmdep.outputFile=classpath.txt
