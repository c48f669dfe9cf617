# Installs missing tools of the checks: PostgreSQL's server and a JDK from Debian (as root), the others below a cache folder.
# Sourced by .ci/run and tests/sdk/run, with the repository as the working directory.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pairing-tracker-ci

need_debian() {
    if ((EUID != 0)); then
        echo "Please install: $*" >&2
        return 1
    fi
    # Only one apt-get can run at a time, and steps run beside each other.
    mkdir -p "$cache"
    (
        flock 9
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    ) 9>"$cache/apt.lock"
}

need_postgres() {
    if command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
        return
    fi
    # The tests start their own servers, so the package must not create a cluster.
    if ((EUID == 0)); then
        mkdir -p /etc/postgresql-common/createcluster.d
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/no-main-cluster.conf
    fi
    need_debian postgresql
}

# need_packages FOLDER COMMAND PACKAGE…: runs COMMAND with the packages unless the cached folder already has them.
need_packages() {
    local folder=$cache/$1 install=$2
    shift 2
    if [[ $(cat "$folder/installed" 2>/dev/null) == "$*" ]]; then
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    "$install" "$folder" "$@"
    echo "$*" >"$folder/installed"
}

# need_python_packages FOLDER PACKAGE…: a virtual environment with these packages.
need_python_packages() {
    need_packages "$1" install_python_packages "${@:2}"
}

install_python_packages() {
    python3 -c 'import ensurepip' 2>/dev/null || need_debian python3-venv
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

# need_npm_packages FOLDER PACKAGE…: a folder node_modules with these packages.
need_npm_packages() {
    need_packages "$1" install_npm_packages "${@:2}"
}

install_npm_packages() {
    npm install --prefix "$1" --no-save --no-audit --no-fund --loglevel=error "${@:2}" >/dev/null
}

need_binary() {
    cargo build --locked
    binary=${CARGO_TARGET_DIR:-target}/debug/pairing-tracker
}
