#!/bin/sh
# Makes a repository with the real DVC in folder $1 (which must be empty), with `dvc` from $PATH:
# two tracked inputs (a file, a folder), a pipeline of four stages, a remote. The golden files of
# crates/plimsoll-dvc are its files and what `dvc dag --dot` says of it.
set -eu
cd "$1"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
mkdir repo remote && cd repo
git init -q . && dvc init -q && dvc config core.analytics false && dvc remote add -q -d store ../remote
mkdir -p data raw/sub
printf 'id,income,region,outcome\n1,1000.5,north,0\n2,2000,south,1\n3,,north,0\n' > data/loans.csv
printf 'a' > raw/a.txt
printf 'b' > raw/sub/b.txt
dvc add -q data/loans.csv raw
cat > params.yaml <<'P'
train:
  depth: 3
  rate: 0.1
P
cat > dvc.yaml <<'P'
stages:
  prepare:
    cmd: cp data/loans.csv prepared.csv
    deps:
    - data/loans.csv
    - raw
    outs:
    - prepared.csv
  train:
    cmd: md5sum prepared.csv > model.json
    deps:
    - prepared.csv
    params:
    - train.depth
    - train.rate
    outs:
    - model.json:
        desc: the model
  evaluate:
    foreach: [a, b]
    do:
      cmd: echo '{"auc":0.8}' > metrics-${item}.json
      deps: [model.json]
      metrics:
      - metrics-${item}.json:
          cache: false
artifacts:
  credit:
    path: model.json
    type: model
    desc: credit model
P
dvc repro -q && dvc push -q && git add -A && git commit -qm made
dvc dag --dot > ../dag.dot
