//! The public interface as text, one item after the other, from the pages that `cargo doc` has written.
//!
//! ```text
//! cargo doc --no-deps --all-features && cargo run --example api             compares it with docs/api.txt
//! cargo doc --no-deps --all-features && cargo run --example api -- --bless  writes docs/api.txt
//! ```
//!
//! A change of the file is a change for users: it is seen in review, and says whether a version may be a minor one.
//! What is not looked at are auto traits and blanket implementations.

use anyhow::{Context, ensure};
use std::fmt::Write;
use std::path::PathBuf;

const SNAPSHOT: &str = "docs/api.txt";

/// What stands between two marks, again and again.
fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |part| part.split_once(end).map(|(inner, _)| inner))
}

/// Text without tags, on one line.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        // Before the first tag there is none to end.
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    for (entity, letter) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, letter);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The declaration, the methods, and the traits of one page.
fn item(page: &str) -> String {
    let mut lines = String::new();
    for declaration in between(page, "<pre class=\"rust item-decl\"><code>", "</code></pre>") {
        let _ = writeln!(lines, "{}", plain(declaration));
    }
    let own = |mark| page.split_once(mark).map_or(page, |(own, _)| own);
    let own = own("id=\"synthetic-implementations\"");
    if page.contains("id=\"implementors\"") {
        return lines; // a trait: its declaration has everything
    }
    let (inherent, traits) = own.split_once("id=\"trait-implementations\"").unwrap_or((own, ""));
    for part in between(inherent, "<h4 class=\"code-header\">", "</h4>") {
        let _ = writeln!(lines, "    {}", plain(part));
    }
    let mut names: Vec<String> =
        between(traits, "<h3 class=\"code-header\">", "</h3>").map(plain).collect();
    names.sort();
    for name in names.iter().filter(|name| !name.contains("StructuralPartialEq")) {
        let _ = writeln!(lines, "    {name}");
    }
    lines
}

fn main() -> anyhow::Result<()> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let folder = target.join("doc/pairwise_loss");
    let context = || format!("{}: run cargo doc first", folder.display());
    let mut pages: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(context)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    pages.sort();
    let mut text = String::new();
    for page in pages {
        let name = page.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let kinds = ["struct.", "enum.", "fn.", "trait.", "constant.", "type.", "macro."];
        if kinds.iter().any(|kind| name.starts_with(kind)) {
            text += &item(&std::fs::read_to_string(&page)?);
        }
    }
    ensure!(
        text.lines().count() > 100,
        "no items found: the pages of this rustdoc have another form"
    );
    if std::env::args().any(|argument| argument == "--bless") {
        return std::fs::write(SNAPSHOT, text).context(SNAPSHOT);
    }
    let before = std::fs::read_to_string(SNAPSHOT).context(SNAPSHOT)?;
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), text.lines().collect());
    for line in old.iter().filter(|line| !new.contains(line)) {
        println!("- {line}");
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        println!("+ {line}");
    }
    ensure!(before == text, "the public interface is not that of {SNAPSHOT}");
    println!("{} lines, as in {SNAPSHOT}", new.len());
    Ok(())
}
