# What a developer types. `just check` is exactly what CI runs.

cache := env("TIDEGATE_CACHE", env("XDG_CACHE_HOME", env("HOME") / ".cache") / "tidegate")
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", cache / "target")

# List the recipes.
default:
    @just --list

# Everything CI runs, cheapest first.
check: fmt lint deny test

# Formatting.
fmt:
    cargo fmt --all --check

# Lints; warnings are errors.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources and import bans of the dependency tree.
deny:
    cargo deny check bans licenses sources

# Known weaknesses of the dependency tree. Not part of `check`: it needs the day's list from the network, and a weakness that became known
# overnight must not turn an unrelated commit red. Run it daily and before a release.
advisories:
    cargo deny check advisories

# All tests, with the real parts where their tools are installed.
test *args:
    tests/run {{ args }}

# The demo on the embedded broker.
demo *args:
    cargo run --locked -p tidegate -- demo {{ args }}

# Start the real parts and leave them running; prints their addresses.
stand *args:
    python3 tests/stand/stand.py up {{ args }}

# End them.
stand-down *args:
    python3 tests/stand/stand.py down {{ args }}

# Benchmarks: `just bench judge` beside its peers, `just bench path` against a real broker.
bench name *args:
    loadtest/bench {{ name }} {{ args }}

# Fuzzing: `just fuzz all --minutes 15`, see tests/fuzz/README.md.
fuzz *args:
    tests/fuzz/run {{ args }}

# Checks of the Terraform modules without a cloud: `just terraform`, `just terraform aws`, see infra/terraform/README.md.
terraform *args:
    python3 infra/terraform/tests/check.py {{ args }}

# Write the tables of the modules' READMEs and the page of rights.
terraform-docs:
    python3 infra/terraform/tests/check.py documents rights --write

# Build the azurerm provider into the cache, once (a long Go build); then `just terraform azure` checks the Azure modules with it.
azurerm-provider:
    python3 infra/terraform/tests/check.py --azurerm-provider

# Everything of infra/k8s against a real kube-apiserver, dry; the first time it is built, in about ten minutes.
k8s-real:
    python3 tests/kube/kube.py real

# The image's files in a folder, without Docker: `just image-root /tmp/tidegate-root`.
image-root folder:
    cargo build --release --locked -p tidegate
    python3 tests/image/image.py root --binary "$CARGO_TARGET_DIR/release/tidegate" {{ folder }}

# Simulate: `just sim 2000`, `just sim 1 --first 41 --trace`; see tests/sim/README.md.
sim *args:
    cargo run --quiet --locked --profile sim -p tidegate-simulation --bin simulate -- {{ args }}

# Faults over a running deployment: `just soak 30`, `just soak 5 --seed 7`; see tests/faults/README.md.
soak minutes="10" *args:
    cargo build --locked -p tidegate -p tidegate-faults
    python3 tests/stand/stand.py run --parts kafka,s3,azure,registry,readers -- "$CARGO_TARGET_DIR/debug/soak" {{ minutes }} {{ args }}
