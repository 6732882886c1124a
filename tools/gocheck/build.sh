#!/bin/sh
# build.sh VENV builds gocheck with the Go toolchain in a Python environment, against the x/mod that
# the toolchain carries. Nothing is fetched: the packages are laid out as a GOPATH, modules are off.
set -eu
venv=$(cd "$1" && pwd)
cd "$(dirname "$0")"
go="$venv/bin/go"
export GOTOOLCHAIN=local GO111MODULE=off GOFLAGS= CGO_ENABLED=0
export GOPATH="$venv/path" GOCACHE="$venv/cache" GOENV=off
mod="$GOPATH/src/golang.org/x/mod/sumdb"
mkdir -p "$mod"
cp -r "$("$go" env GOROOT)/src/cmd/vendor/golang.org/x/mod/sumdb/note" \
	"$("$go" env GOROOT)/src/cmd/vendor/golang.org/x/mod/sumdb/tlog" "$mod/"
"$go" vet main.go
"$go" build -trimpath -o "$venv/gocheck" main.go
