#!/usr/bin/env bash
# Installs what single tests need beside the locked packages: a browser, two proxies, Node, Apache with its OpenID
# Connect module, SAML's judges, libfaketime, and Java with Maven for Keycloak. Debian and Ubuntu, as root; elsewhere it says what is
# missing, and those tests skip with that reason.
set -euo pipefail

declare -A package_of=([chromium]=chromium [nginx]=nginx-light [haproxy]=haproxy [node]=nodejs [npm]=npm [xmlsec1]=xmlsec1
  [php]=php-cli [faketime]=faketime [java]=default-jre-headless [mvn]=maven)
# Brings Apache itself with it, but no site and no service of the system.
openidc=/usr/lib/apache2/modules/mod_auth_openidc.so
missing=()
[ -e "$openidc" ] || missing+=(libapache2-mod-auth-openidc)
# PHP's own server shows it: Apache's module for PHP comes along, and is not used.
[ -d /usr/share/simplesamlphp ] || missing+=(simplesamlphp php-xml)
for program in "${!package_of[@]}"; do
  command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ] || missing+=("${package_of[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then echo 'every system package is there'; exit 0; fi
if ! command -v apt-get > /dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "not installed, for want of apt-get or root: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# A package that starts its server at its installation would take the ports of others.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod +x "$policy"; trap 'rm -f "$policy"' EXIT; fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
echo "installed: ${missing[*]}"
