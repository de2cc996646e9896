# What every attack inside can use. An attack is a script that ends with 0 when it is held off.

# The command must fail.
never() {
  local said
  if said=$("$@" 2>&1); then
    echo "worked: $*: $said"
    exit 1
  fi
}
# The shell's own words must fail: for redirections.
never_do() { never bash -c "$1"; }
# The command must work, so that the attack beside it means something.
must() {
  local said
  if ! said=$("$@" 2>&1); then
    echo "did not work: $*: $said"
    exit 1
  fi
}
export -f never never_do must
# Makes the attack on standard input and says what came of it.
probe() {
  local script said
  script=$(cat)
  if said=$(timeout 60 bash -c "$script" 2>&1 </dev/null); then
    echo "@$1 held"
  else
    echo "@$1 open $(tail -c 600 <<<"$said" | tr '\n' ' ')"
  fi
}
export SUPERVISOR=$PPID
