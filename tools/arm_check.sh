#!/usr/bin/env bash
# Proves that the part for the board runs on aarch64 and finds there what it finds on x86-64.
#
#   tools/arm_check.sh --work DIR [--release bookworm] [--cpu cortex-a76] [--results arm.json]
#
# Debian's arm64 packages are unpacked into a folder. In it, under QEMU and without a network, the
# built wheel is installed with its aarch64 wheels; `edgeyolo run` looks at photos there, `edgeyolo
# val` measures them. The same wheel does so on x86-64, and arm_compare.py compares the two.
#
# It needs no root and changes nothing of the system: all lies in DIR, and the mounts and QEMU's
# registration with the kernel live in a namespace and end with it. What is in DIR is used again.
# The seconds it tells are QEMU's and say nothing about a board.
set -euo pipefail

usage() {
  cat <<'EOF'
Usage: tools/arm_check.sh [options]
  --work DIR        Folder to work in, used again by the next call [a temporary one].
  --release NAME    Debian release, may be repeated [bookworm trixie].
  --cpu NAME        CPU to emulate, may be repeated: cortex-a72 (Raspberry Pi 4; no fp16),
                    cortex-a76 (Raspberry Pi 5; NCNN computes in fp16) [both].
  --data FILE       data.yaml of photos [coco128 of EDGEYOLO_TEST_DATA, or of ../shared/data].
  --weights FILE    Checkpoint with its classes [weights/yolov8n.pt beside it].
  --wheel FILE      Wheel to check [built from the project].
  --imgsz N         Side of the net's input in pixels [320].
  --images N        Photos to detect in and to validate on [10].
  --mirror URL      Debian archive [where apt gets this machine's packages].
  --results FILE    JSON to write [arm.json in the folder].
Ends with 0 when all agree, with 1 when something differs or is missing.
EOF
}

die() {
  echo "arm_check: $1" >&2
  exit 1
}

say() { echo "$(date +%T) $*" >&2; }

# ---------------------------------------------------------------------------- what was asked for

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
photos=${EDGEYOLO_TEST_DATA:-$project/../shared/data}
releases=() cpus=() work='' data=$photos/coco128/data.yaml weights=$photos/weights/yolov8n.pt
wheel='' imgsz=320 images=10 mirror='' report=''

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --work | --release | --cpu | --data | --weights | --wheel | --imgsz | --images | --mirror | \
      --results) [ $# -gt 1 ] || die "$1 needs a value." ;;&
    --work) work=$2 ;;
    --release) releases+=("$2") ;;
    --cpu) cpus+=("$2") ;;
    --data) data=$2 ;;
    --weights) weights=$2 ;;
    --wheel) wheel=$2 ;;
    --imgsz) imgsz=$2 ;;
    --images) images=$2 ;;
    --mirror) mirror=$2 ;;
    --results) report=$2 ;;
    *) usage >&2; die "There is no option $1." ;;
  esac
  shift 2
done
[ ${#releases[@]} -gt 0 ] || releases=(bookworm trixie)
[ ${#cpus[@]} -gt 0 ] || cpus=(cortex-a72 cortex-a76)

# The features must be those that QEMU gives the CPU: ONNX Runtime believes /proc/cpuinfo, dies
# without the Arm lines in it, and uses instructions that it promises.
declare -A parts=(
  [cortex-a72]="0xd08 fp asimd evtstrm crc32 cpuid"
  [cortex-a76]="0xd0b fp asimd evtstrm crc32 cpuid \
atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"
)
for cpu in "${cpus[@]}"; do
  [ -n "${parts[$cpu]:-}" ] || die "$cpu is not known here; use cortex-a72 or cortex-a76."
done

# ------------------------------------------------------------------------------- what it needs

for program in apt-get dpkg-deb tar unshare flock uv sha256sum; do
  command -v "$program" >/dev/null || die "$program is missing; Debian and uv have it all."
done
[ "$(uname -m)" = x86_64 ] || die "This compares with x86-64, and this machine is $(uname -m)."
unshare --user --map-root-user --mount --pid --net --fork true 2>/dev/null ||
  die "This user may not create namespaces; allow it (sysctl user.max_user_namespaces) or be root."
[ -f "$data" ] || die "$data is not there; name a data set with --data."
[ -f "$weights" ] || die "$weights is not there; name a checkpoint with --weights."
[ -z "$wheel" ] || [ -f "$wheel" ] || die "$wheel is not there; leave out --wheel to build one."
wheel=${wheel:+$(realpath "$wheel")}
workshop=$project/.venv/bin
[ -x "$workshop/edgeyolo" ] || die "$workshop has no edgeyolo; run: uv sync --extra all"

temporary=''
# Only SIGKILL ends unshare, and with it all that runs inside.
leave() {
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086 # one word for each
  [ -z "$running" ] || kill -KILL $running 2>/dev/null || true
  [ -z "$temporary" ] || rm -rf "$temporary"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -z "$work" ]; then
  work=$(mktemp -d)
  temporary=$work
  report=${report:-$PWD/arm.json}
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)
report=${report:-$work/arm.json}
exec 9>"$work/lock"
flock --nonblock 9 || die "Another call works in $work."
qemu=$work/qemu-aarch64-static
extras=headless,ncnn,onnxruntime,val

# ---------------------------------------------------------------- Debian's packages, through apt

archive() {
  [ -n "$mirror" ] && echo "$mirror" && return
  # shellcheck disable=SC2016 # for apt to expand
  apt-get indextargets --format '$(LABEL) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# An apt of its own for a release: its state is in a folder, its network settings are the machine's.
apt_for() { # RELEASE ARCHITECTURE
  local folder=$work/apt/$1-$2 site
  site=$(archive)
  [ -n "$site" ] || die "apt has no Debian archive among its sources; name one with --mirror."
  mkdir -p "$folder"/{lists,cache/archives}/partial
  : >"$folder/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $1 main" \
    >"$folder/sources.list"
  cat >"$folder/apt.conf" <<EOF
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State "$folder";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
Dir::Etc::SourceList "$folder/sources.list";
Dir::Etc::SourceParts "/dev/null";
EOF
  APT_CONFIG=$folder/apt.conf apt-get update -qq >&2 || die "apt cannot read $1 from its archive."
  echo "$folder"
}

download() { # FOLDER PACKAGE...
  local folder=$1
  shift
  APT_CONFIG=$folder/apt.conf apt-get install -y -qq --download-only "$@" >"$folder/log" 2>&1 ||
    die "apt could not download $*; see $folder/log"
}

fetch_qemu() {
  [ -x "$qemu" ] && return
  local found folder
  if found=$(command -v qemu-aarch64-static); then
    cp "$found" "$qemu"
    return
  fi
  say "QEMU: one program out of Debian's package"
  folder=$(apt_for bookworm amd64)
  download "$folder" qemu-user-static
  dpkg-deb --fsys-tarfile "$folder"/cache/archives/qemu-user-static_*.deb |
    tar -x --to-stdout ./usr/bin/qemu-aarch64-static >"$qemu.part"
  chmod +x "$qemu.part"
  mv "$qemu.part" "$qemu"
}

# Unpacked, not configured: what Python needs works without the packages' scripts.
make_root() { # RELEASE
  local root=$work/$1/root folder deb name
  [ -d "$root" ] && return
  say "$1: arm64 packages"
  folder=$(apt_for "$1" arm64)
  download "$folder" base-files dash python3 libgomp1 libstdc++6
  rm -rf "$root.part"
  mkdir -p "$root.part"/{root,check,binfmt,usr}
  for name in bin sbin lib; do
    mkdir "$root.part/usr/$name"
    ln -s "usr/$name" "$root.part/$name"
  done
  for deb in "$folder"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$root.part"
  done
  mv "$root.part" "$root"
}

# Fails in a sentence where namespaces cannot do what is needed.
try_root() { # RELEASE CPU
  on_arm "$1" "$2" python3 -c 'import platform; assert platform.machine() == "aarch64"' ||
    die "Arm programs do not start here: Linux 6.7 is needed, or a registered qemu-user-static."
}

# ------------------------------------------------------------------------- inside the Arm machine

# In namespaces of its own: mounts, processes and the registration of QEMU end with the command, and
# there is no network.
enter() { # ROOT CPU COMMAND...
  set -euo pipefail
  local root=$1 cpu=$2
  shift 2
  # \x7fELF, 64 bits, little endian, executable or library, machine 0xb7; F: opened here, outside.
  local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  # Before Linux 6.7 a namespace has none of its own; then the machine's registration serves.
  if mount -t binfmt_misc binfmt_misc "$root/binfmt" 2>/dev/null; then
    printf ':aarch64:M::%s:%s:%s:F' "$magic" "$mask" "$qemu" >"$root/binfmt/register"
  fi
  mount -t proc proc "$root/proc"
  mount --bind "$work/cpuinfo/$cpu" "$root/proc/cpuinfo"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind "$board" "$root/check"
  exec env -i PATH=/opt/edgeyolo/bin:/usr/bin HOME=/root LANG=C.UTF-8 QEMU_CPU="$cpu" \
    "$(command -v unshare)" --root "$root" --wd /check -- "$@"
}

on_arm() { # RELEASE CPU COMMAND...
  local release=$1
  shift
  unshare --user --map-root-user --mount --pid --net --fork --kill-child \
    "$BASH" -c 'enter "$@"' enter "$work/$release/root" "$@" &
  wait $! # in the background, because a signal to this shell waits for what is in the foreground
}

# What ONNX Runtime asks the system about the processor.
describe_cpu() { # ROOT
  local cores cpu part features core line='CPU implementer\t: 0x41\nCPU architecture: 8\n'
  cores=$(nproc)
  mkdir -p "$work/cpuinfo" "$1/sys/devices/system/cpu"
  for cpu in "${!parts[@]}"; do
    read -r part features <<<"${parts[$cpu]}"
    for core in $(seq 0 $((cores - 1))); do
      printf 'processor\t: %d\nBogoMIPS\t: 108.00\nFeatures\t: %s\n' "$core" "$features"
      printf "${line}CPU variant\t: 0x0\nCPU part\t: %s\nCPU revision\t: 3\n\n" "$part"
    done >"$work/cpuinfo/$cpu"
  done
  echo "0-$((cores - 1))" | tee "$1/sys/devices/system/cpu/possible" \
    >"$1/sys/devices/system/cpu/present"
}

# ------------------------------------------------------------------------ the wheel and its wheels

take_wheel() {
  if [ -z "$wheel" ]; then
    rm -rf "$work/dist"
    uv build --quiet --wheel --out-dir "$work/dist" "$project"
    wheel=$(echo "$work"/dist/edgeyolo-*.whl)
  fi
  build=$(sha256sum "$wheel" | cut -c1-16) # the same source gives the same wheel
}

requirements() { # PYTHON PLATFORM: every package with its version, within the project's limits
  echo "edgeyolo[$extras] @ file://$wheel" | (cd "$project" && uv pip compile - --quiet \
    --python-version "$1" --python-platform "$2" --only-binary :all: --no-header --no-annotate)
}

stamp() { echo "$build $(sha256sum <"$1" | cut -c1-16)"; } # FILE: of the wheel and of a list

# uv unpacks the aarch64 wheels: pip under QEMU takes minutes for the same files. What pip would ask
# first, whether the board's Python can load each wheel, its Python is asked afterwards.
install_on_arm() { # RELEASE CPU
  local home=$work/$1 python site
  local system=$home/root
  python=$(basename "$(readlink "$system/usr/bin/python3")")
  python=${python#python}
  site=$system/opt/edgeyolo/lib/python$python/site-packages
  requirements "$python" aarch64-manylinux_2_28 >"$home/wanted.txt"
  [ "$(cat "$home/installed" 2>/dev/null)" = "$(stamp "$home/wanted.txt")" ] && return
  say "$1: installing for Python $python"
  rm -rf "$system/opt/edgeyolo"
  on_arm "$1" "$2" python3 -m venv --without-pip /opt/edgeyolo
  uv pip install --quiet --target "$site" --python "$workshop/python" --python-version "$python" \
    --python-platform aarch64-manylinux_2_28 --only-binary :all: --no-compile-bytecode \
    --requirement "$home/wanted.txt"
  on_arm "$1" "$2" python -c "$loadable" || die "$1 would refuse the wheels above."
  stamp "$home/wanted.txt" >"$home/installed"
}

loadable='
import sys
from importlib.metadata import distributions
from packaging.tags import parse_tag, sys_tags
here = set(sys_tags())
def tags(one):
    lines = one.read_text("WHEEL").splitlines()
    return {t for line in lines if line.startswith("Tag: ") for t in parse_tag(line[5:])}
refused = [one.metadata["Name"] for one in distributions() if not tags(one) & here]
sys.exit(" ".join(refused) or 0)
'

# The same wheel here, in an environment of its own: no torch, the same OpenCV.
install_here() {
  local home=$work/x86-64 python
  python=$("$workshop/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  mkdir -p "$home"
  requirements "$python" x86_64-manylinux_2_28 >"$home/wanted.txt"
  [ "$(cat "$home/installed" 2>/dev/null)" = "$(stamp "$home/wanted.txt")" ] && return
  say "x86-64: installing"
  uv venv --quiet --clear --python "$workshop/python" "$home/venv"
  uv pip install --quiet --python "$home/venv" --requirement "$home/wanted.txt"
  stamp "$home/wanted.txt" >"$home/installed"
}

# -------------------------------------------------------------------------- what is looked at

export_bundles() { # few calibration images: the arithmetic is compared, not the accuracy
  local made=$board/bundles engine status
  if [ ! -d "$made" ]; then
    say "fp32 bundles of $(basename "$weights") at $imgsz px"
    rm -rf "$made.part"
    "$workshop/edgeyolo" export "$weights" --engine ncnn,onnxruntime --imgsz "$imgsz" \
      --out "$made.part" >&2
    mv "$made.part" "$made"
  fi
  for engine in ncnn onnxruntime; do
    [ -d "$made/$engine-int8" ] && continue
    say "int8 bundle for $engine"
    status=0
    "$workshop/edgeyolo" quantize "$made/$engine-fp32" --engine "$engine" --images 16 \
      --data "$data" --out "$made/$engine-int8" >&2 || status=$?
    [ "$status" = 0 ] || [ "$status" = 5 ] || die "int8 for $engine failed." # 5: lost accuracy
  done
}

# Copied, so that nothing outside the folder is seen from the Arm side.
copy_photos() {
  local made=$board/photos
  [ -d "$made" ] ||
    "$workshop/python" "$project/tools/arm_compare.py" copy "$data" "$made" "$images"
}

here() { # COMMAND...: on this machine, with as bare an environment as the other side has
  (cd "$board" && env -i PATH="$work/x86-64/venv/bin:/usr/bin:/bin" HOME="$work/x86-64" \
    LANG=C.UTF-8 "$@")
}

# One thread: two that wait for each other were seen to stand still for minutes under QEMU.
# Detections as JSON lines, accuracy and seconds, each into a file; kept, they are not made again.
look() { # PLACE ENGINE PRECISION RUNNER...
  local to=$found/$1 name=$2-$3 engine=$2 begin middle
  [ -f "$to/$name.seconds" ] && return
  say "$1: $2 $3"
  shift 3
  mkdir -p "$to"
  begin=$SECONDS
  "$@" python -m edgeyolo run "bundles/$name" --source photos/images/val \
    --engine "$engine" --threads 1 --json >"$to/$name.run"
  middle=$SECONDS
  "$@" python -m edgeyolo val "bundles/$name" --data photos/data.yaml \
    --engine "$engine" --threads 1 --json >"$to/$name.val" 2>"$to/$name.log" ||
    { cat "$to/$name.log" >&2; return 1; }
  echo "$((middle - begin)) $((SECONDS - middle))" >"$to/$name.seconds"
}

description='
import json
from importlib.metadata import distributions
from edgeyolo.measure.environment import environment
packages = sorted((one.metadata["Name"], one.version) for one in distributions())
print(json.dumps({**environment(), "versions": dict(packages)}))
'

look_at_all() { # PLACE RUNNER...
  local place=$1 engine precision
  shift
  mkdir -p "$found/$place"
  "$@" python -c "$description" >"$found/$place/environment"
  for engine in ncnn onnxruntime; do
    for precision in fp32 int8; do look "$place" "$engine" "$precision" "$@"; done
  done
}

# --------------------------------------------------------------------------------------- the check

task=$(echo "$data $imgsz $images" | sha256sum - "$weights" | sha256sum | cut -c1-8)
board=$work/$task
mkdir -p "$board"
export work board qemu
export -f enter
fetch_qemu
take_wheel
copy_photos
export_bundles
install_here
found=$board/found-$build
look_at_all x86-64 here
"$qemu" --version | head -1 >"$found/qemu"
for release in "${releases[@]}"; do
  make_root "$release"
  describe_cpu "$work/$release/root"
  try_root "$release" "${cpus[-1]}"
  install_on_arm "$release" "${cpus[-1]}"
  for cpu in "${cpus[@]}"; do look_at_all "$release-$cpu" on_arm "$release" "$cpu"; done
done
"$workshop/python" "$project/tools/arm_compare.py" compare "$found" --results "$report"
