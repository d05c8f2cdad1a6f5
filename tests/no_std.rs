//! Without `std`, `alloc` and a C library: a program that is linked with none of them runs, and finds the same bits, also
//! where the instruction set is chosen when it is compiled.
//!
//! That it can be linked is part of the test: a crate that needed `std` would bring a second panic handler, one that
//! needed `alloc` would ask for an allocator, and a call of the C library would be an undefined symbol.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "no_std/src/work.rs"]
mod work;

use std::path::Path;
use std::process::Command;

/// Builds the program for a target that has `features` beyond the least, and runs it.
fn run(features: &str) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/no_std/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("no_std{features}"));
    let linked_with_nothing =
        ["-nostartfiles", "-nostdlib", "-static"].map(|arg| format!("-Clink-arg={arg}"));
    let mut flags = linked_with_nothing.to_vec();
    flags.push("-Crelocation-model=static".to_owned());
    if !features.is_empty() {
        flags.push(format!("-Ctarget-feature={features}"));
    }
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest);
    build.arg("--target-dir").arg(&target);
    if cfg!(feature = "half") {
        build.args(["--features", "half"]);
    }
    // For the program only, and in place of flags of the caller's.
    build.args(["--target", "x86_64-unknown-linux-gnu"]);
    build.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    let status = build.status().expect("cargo runs");
    assert!(status.success(), "building the program: {status}");
    let program = target.join("x86_64-unknown-linux-gnu/release/no-std");
    let output = Command::new(program).output().expect("the program runs");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).expect("digits")
}

fn expected() -> String {
    format!("{:016x}", work::hash().expect("equal lengths"))
}

#[test]
fn without_std_and_alloc() {
    assert_eq!(run(""), expected());
}

#[test]
fn without_std_for_avx2() {
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        assert_eq!(run("+avx2,+fma"), expected());
    }
}
