#!/usr/bin/env bash
# Installs what defound is built from: Debian/Ubuntu packages, and LibTorch from the torch wheel in .venv.
# Skips what is there; safe to run again after a failure. DEFOUND_TORCH=/path/to/libtorch uses another LibTorch.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
say() { printf '[setup %3d s] %s\n' $((SECONDS - started)) "$*" >&2; }

packages=(g++ cmake ninja-build ccache git python3 libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libjpeg-dev libpng-dev
  zlib1g-dev libgloo-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libgtest-dev libssl-dev libicu-dev)
torch=${DEFOUND_TORCH_WHEEL:-torch==2.13.0}

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }
present() {  # a tool that came another way (conda, pyenv, a module) counts too
  case $1 in
    g++ | cmake | ccache | git | python3) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    *) installed "$1" ;;
  esac
}

if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do present "$package" || missing+=("$package"); done
  if ! python3 -c 'import ensurepip' 2>/dev/null; then missing+=(python3-venv); fi
  if ((${#missing[@]})); then
    root=()
    if [ "$(id -u)" != 0 ]; then
      if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then root=(sudo); else
        say "These packages are missing and need root: ${missing[*]}"
        say "Ask an administrator for: apt-get install ${missing[*]}"
        say "or take them from conda-forge (libopencv, cli11, spdlog, fmt, nlohmann_json, gtest, openssl, icu, ninja, ccache, cmake) into an"
        say "environment that is active when you build, or build without image files: cmake -DDEFOUND_OPENCV=OFF."
        exit 2
      fi
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
      { "${root[@]}" apt-get update -qq >/dev/null && "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; }
  fi
  say "system packages are there"
else
  say "no dpkg here: OpenCV (core, imgproc, imgcodecs), CLI11, spdlog, fmt, nlohmann/json, GoogleTest, OpenSSL, ICU, libjpeg, libpng, zlib, Ninja and ccache must be installed already"
fi

if [ -n "${DEFOUND_TORCH:-}" ]; then
  [ -e "$DEFOUND_TORCH/lib/libtorch.so" ] || { say "DEFOUND_TORCH=$DEFOUND_TORCH holds no lib/libtorch.so"; exit 2; }
  say "LibTorch from $DEFOUND_TORCH"
elif compgen -G '.venv/lib/python3*/site-packages/torch/lib/libtorch.so' >/dev/null && [ -e .venv/torch-complete ]; then
  say "LibTorch is there: .venv"
else
  say "installing $torch into .venv (a wheel with CUDA is about 3 GB, one for CPUs 0.2 GB; PIP_INDEX_URL chooses where from)"
  [ -x .venv/bin/pip ] || python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check "$torch" numpy
  touch .venv/torch-complete
  say "LibTorch is there: .venv"
fi
say "done; next: scripts/test.sh (build and test) or scripts/demo.sh (the whole pipeline)"
