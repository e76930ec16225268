#!/bin/bash
# Under 20 seconds: guards what already works. Each line of test/smoke.cases must hold; add lines
# as things start to work, never remove one.
cd "$(dirname "$0")/.." || exit 1
build=${CULM_BUILD:-build}
failed=0
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
while IFS= read -r line; do
    case $line in '' | '#'*) continue ;; esac
    want=${line%% *} command=${line#* }
    CULM=${CULM:-$PWD/$build/tools/culm} BUILD=$PWD/$build TOP=$PWD SCRATCH=$scratch \
        timeout 15 bash -c "$command" >"$scratch/log" 2>&1 </dev/null
    got=$?
    if [ "$got" != "$want" ]; then
        echo "smoke: status $got, want $want: $command"
        tail -5 "$scratch/log"
        failed=1
    fi
done <test/smoke.cases
exit $failed
