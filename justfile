# The commands of this project. `just` lists them; each can also be copied. A test compares their
# packages, programs, tests and files with those of the workspace.

_list:
    @just --list --unsorted

# Play six scenes of a token's lifetime
quickstart:
    cargo run -p quickstart

# Run one of the examples: just example hyper
example NAME *ARGUMENTS:
    cargo run --example {{NAME}} -- {{ARGUMENTS}}

# Run the command waldo: just waldo status
waldo *ARGUMENTS:
    cargo run -p waldo-cli -- {{ARGUMENTS}}

# Serve the emulated API on http://127.0.0.1:8787
emulator *ARGUMENTS:
    cargo run -p waldo-emulator -- {{ARGUMENTS}}

# Run all tests, in virtual time and over loopback
test *ARGUMENTS:
    cargo test --workspace {{ARGUMENTS}}

# Run the steps of CI with these names, or all: just ci lint docs
ci *NAMES:
    bash .ci/run {{NAMES}}

# Print the names of the steps of CI
steps:
    bash .ci/run --list

# Format the code
format:
    cargo fmt --all

# Write all generated texts: tables, lists, the state diagram, and the findings of the searches
update:
    UPDATE=1 cargo test --workspace --test cli --test conformance --test explored --test faulty \
        --test fleet --test picture --test scenarios

# Certify the example of an adapter, or one scenario of it
certify *SCENARIO:
    cargo run -p waldo-conformance --example certify -- {{SCENARIO}}

# Try every order of events: an hour, or a minute with the bound "ci"
explore BOUND="full":
    cargo run --release -p waldo-simulation --example explore -- exhaustive {{BOUND}}

# Let chance choose the events of many virtual hours
chance HOURS="1000000":
    cargo run --release -p waldo-simulation --example explore -- chance --hours {{HOURS}}

# Try every order of steps of programs that share a store
store:
    cargo run --release -p waldo-simulation --example store -- exhaustive ci

# Print the tables of a fleet: logins, leeway or operations
fleet TABLE:
    cargo run --release -p waldo-simulation --example fleet -- {{TABLE}}

# Print the logins of real processes with and without a store, and the costs of a store
processes *ARGUMENTS:
    cargo run --release -p waldo-fleet -- figures {{ARGUMENTS}}

# Try every schedule of two threads or tasks, in most scenes
model:
    WALDO_MODEL_SCHEDULES=10000 cargo test --release -p waldo-model -- --nocapture

# Measure what a call costs: a minute and a half
bench *ARGUMENTS="all":
    cargo run --release -p waldo-bench -- {{ARGUMENTS}}

# Measure the clients of other services: five minutes to build, 15 s to run
peers *ARGUMENTS:
    cargo run --release --manifest-path bench/peers/Cargo.toml -- {{ARGUMENTS}}

# Find mutants that no test kills: an hour
mutants:
    cargo mutants --workspace --jobs 2

# Fuzz one target for ten minutes, and add the best files to its corpus: just fuzz header
fuzz TARGET:
    fuzz/grow {{TARGET}}

# Run the tests under AddressSanitizer, which needs a nightly toolchain
asan:
    bash .ci/asan

# Check the licences, sources and versions of all dependencies
deny:
    bash .ci/deny
