//! All tests in one crate, so that every kernel is compiled once: `cargo test` builds this one. Each file is also a test
//! crate of its own, which is quicker to build after a change to that file alone: `cargo test --release --test bits`.

// Tests share files with examples, and so with each other.
#![allow(clippy::duplicate_mod, clippy::module_inception)]

mod accuracy;
mod bad_input;
mod bits;
mod comparisons;
mod design_names;
mod golden;
mod groups;
#[cfg(feature = "half")]
mod half;
mod layouts;
mod metrics;
mod no_std;
mod normalisers;
mod plackett_luce;
#[path = "properties/main.rs"]
mod properties;
mod ratings;
mod reward_model;
mod reward_trainer;
mod score_sum_nan;
mod serialize;
mod shards;
mod specials;
mod strengths;
mod sums;
mod threads;
mod ties;
mod total;
mod upstream;

/// As the root of that crate has it.
use properties::{custom, product, support};

#[test]
fn no_file_is_forgotten() {
    let (listed, manifest) = (include_str!("all.rs"), include_str!("../Cargo.toml"));
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = 0;
    for entry in tests.read_dir().expect("the folder of the tests") {
        let path = entry.expect("an entry").path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && path.extension().is_some_and(|extension| extension == "rs")
            && name != "all"
        {
            files += 1;
            assert!(listed.contains(&format!("mod {name};")), "{name}");
            // Else it would be built and run a second time.
            let entry = format!("path = \"tests/{name}.rs\", test = false");
            assert!(manifest.contains(&entry), "{name} in Cargo.toml");
        }
    }
    assert!(files > 20, "{files}");
}
