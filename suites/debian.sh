# Functions for scripts that need programs from Debian packages. Source this file.

# install_debian PACKAGE...
install_debian() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: first install $*, for example with: apt-get install $*" >&2
        return 1
    fi
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# need PROGRAM PACKAGE: installs the package unless the program exists. Debian has nginx in a folder that is not in every
# PATH.
need() {
    PATH=$PATH:/usr/sbin command -v "$1" >/dev/null || install_debian "$2"
}
