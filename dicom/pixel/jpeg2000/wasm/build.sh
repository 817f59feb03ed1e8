#!/usr/bin/env bash
# Compiles OpenJPEG with our wrapper to a WebAssembly module and keeps it in a cache folder, where package jpeg2000 finds it.
#
#   build.sh OUT [SOURCE]
#
# OUT is the file to make. SOURCE is an unpacked OpenJPEG, 2.5 or later; without it, the distribution's source package is fetched
# (Debian, Ubuntu) through an apt configuration of its own: the machine's lists and sources stay as they are, and apt checks the
# signatures as for any package. Needs clang, lld and wasi-libc; no rights.
set -euo pipefail
out=$1
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v clang >/dev/null || missing+=(clang)
command -v wasm-ld >/dev/null || missing+=(lld)
sysroot=
for dir in "${WASI_SYSROOT:-}" /usr /opt/wasi-sdk/share/wasi-sysroot /usr/share/wasi-sysroot; do
	[ -n "$dir" ] && ls "$dir"/lib/wasm32-wasi/libc.a >/dev/null 2>&1 && { sysroot=$dir; break; }
done
[ -n "$sysroot" ] || missing+=(wasi-libc)
builtins() { clang --target=wasm32-wasi -print-libgcc-file-name 2>/dev/null; }
[ ${#missing[@]} -gt 0 ] || [ -f "$(builtins)" ] || missing+=(libclang-rt-dev-wasm32)
[ $# -ge 2 ] || command -v dpkg-source >/dev/null || missing+=(dpkg-dev)
if [ ${#missing[@]} -gt 0 ]; then
	echo "openjpeg: missing: ${missing[*]}. Run, then repeat:" >&2
	echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 4
fi

if [ $# -ge 2 ]; then
	src=$2
else
	command -v apt-get >/dev/null || { echo "openjpeg: no apt-get here: unpack OpenJPEG's source and give its folder" >&2; exit 4; }
	mkdir -p "$tmp"/{lists,cache/archives,parts}/partial "$tmp/get"
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -f "$f" ] && sed -n 's/^deb\(-src\)\?[[:space:]]/deb-src /p' "$f" | grep -E 'debian|ubuntu' || true
	done | sort -u >"$tmp/sources.list"
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -f "$f" ] && grep -qE '^URIs:.*(debian|ubuntu)' "$f" && sed 's/^Types:.*/Types: deb-src/' "$f" >"$tmp/parts/$(basename "$f")" || true
	done
	cat >"$tmp/apt.conf" <<-END
		Dir::State::lists "$tmp/lists";
		Dir::Cache "$tmp/cache";
		Dir::Etc::sourcelist "$tmp/sources.list";
		Dir::Etc::sourceparts "$tmp/parts";
		APT::Sandbox::User "";
	END
	export APT_CONFIG=$tmp/apt.conf
	echo "openjpeg: fetching the source package" >&2
	(cd "$tmp/get" && apt-get update -qq && apt-get source -qq --download-only openjpeg2) >&2 ||
		{ echo "openjpeg: the source package can't be fetched: unpack OpenJPEG's source and give its folder" >&2; exit 4; }
	# apt has checked the digests against the signed lists; the maintainer's own key is not looked for.
	dpkg-source --no-check -x "$tmp"/get/*.dsc "$tmp/src" >/dev/null 2>&1
	src=$tmp/src
fi
lib=$src/src/lib/openjp2
[ -f "$lib/ht_dec.c" ] || { echo "openjpeg: $src is no source of OpenJPEG 2.5 or later" >&2; exit 4; }

version=$(sed -n 's/^set(OPENJPEG_VERSION_\(MAJOR\|MINOR\|BUILD\) \([0-9]*\)).*/\2/p' "$src/CMakeLists.txt" | paste -sd.)
IFS=. read -r major minor patch <<<"$version"
cat >"$tmp/opj_config.h" <<-END
	#define OPJ_HAVE_STDINT_H 1
	#define OPJ_VERSION_MAJOR $major
	#define OPJ_VERSION_MINOR $minor
	#define OPJ_VERSION_BUILD $patch
END
cat >"$tmp/opj_config_private.h" <<-END
	#define OPJ_HAVE_INTTYPES_H 1
	#define OPJ_PACKAGE_VERSION "$version"
END
# The clock is for timing reports alone, and needs what a module has not.
cat >"$tmp/clock.c" <<-END
	double opj_clock(void) { return 0; }
	double opj_wallclock(void) { return 0; }
END
files=()
for name in thread bio cio dwt event ht_dec image invert j2k jp2 mct mqc openjpeg pi t1 t2 tcd tgt function_list sparse_array; do
	files+=("$lib/$name.c")
done
echo "openjpeg: compiling OpenJPEG $version" >&2
mkdir -p "$(dirname "$out")"
jobs=()
for f in "${files[@]}" "$tmp/clock.c" "$here/wrapper.c"; do
	o=$tmp/$(basename "$f" .c).o
	clang --target=wasm32-wasi --sysroot="$sysroot" -O3 -DNDEBUG -w -mbulk-memory -ffp-contract=off -I"$tmp" -I"$lib" -c "$f" -o "$o"
	jobs+=("$o")
done
clang --target=wasm32-wasi --sysroot="$sysroot" -mexec-model=reactor "${jobs[@]}" -o "$tmp/made.wasm" -lm \
	-Wl,-z,stack-size=1048576 -Wl,--stack-first -Wl,--max-memory=1073741824 -Wl,--wrap=opj_pi_next -Wl,--strip-all -Wl,--gc-sections
cp "$tmp/made.wasm" "$out.$$" && mv "$out.$$" "$out"
echo "openjpeg: $out ($(stat -c %s "$out") bytes)" >&2
