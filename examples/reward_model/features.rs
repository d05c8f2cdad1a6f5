//! φ(prompt, answer): what a linear reward model sees of a text.
//!
//! Every feature is of order one by construction (logarithms of counts, shares, and n-grams scaled so that an answer's
//! n-grams have length one together). Nothing is fitted to the data, so nothing can leak from held-out comparisons,
//! and one penalty suits all weights.

use std::collections::HashSet;

/// The style features, in the order of their columns. The first, alone, is the baseline model.
pub const STYLE: [&str; 9] = [
    "log words",
    "log lines",
    "log punctuation",
    "log digits",
    "share of distinct words",
    "word length / 10",
    "ends like a sentence",
    "share of words from the prompt",
    "share of word pairs from the prompt",
];

/// Number of columns with 2^`hash_bits` buckets for n-grams.
pub fn columns(hash_bits: u32) -> usize {
    STYLE.len() + (1 << hash_bits)
}

/// The features of an answer as (column, value), sorted by column.
pub fn features(prompt: &str, answer: &str, hash_bits: u32) -> Vec<(u32, f64)> {
    let style = style(prompt, answer).into_iter().enumerate().map(|(k, x)| (k as u32, x));
    style.chain(n_grams(answer, hash_bits)).filter(|&(_, x)| x != 0.0).collect()
}

fn style(prompt: &str, answer: &str) -> [f64; STYLE.len()] {
    let (prompt, text) = (words(prompt), words(answer));
    let (known_words, known_pairs) = (distinct(&prompt), distinct_pairs(&prompt));
    let log_count = |count: usize| (count as f64).ln_1p();
    let count_of = |is: fn(&char) -> bool| answer.chars().filter(is).count();
    let letters: usize = text.iter().map(|word| word.chars().count()).sum();
    let from_prompt = text.iter().filter(|word| known_words.contains(word.as_str())).count();
    let pairs_from_prompt = pairs(&text).filter(|pair| known_pairs.contains(pair)).count();
    [
        log_count(text.len()),
        log_count(count_of(|&c| c == '\n')),
        log_count(count_of(|&c| is_mark(c))),
        log_count(count_of(|&c| c.is_numeric())),
        share(distinct(&text).len(), text.len()),
        share(letters, text.len()) / 10.0,
        f64::from(answer.trim_end().ends_with(['.', '!', '?'])),
        share(from_prompt, text.len()),
        share(pairs_from_prompt, text.len().saturating_sub(1)),
    ]
}

/// Which words and word pairs (marks included) occur, hashed into buckets.
fn n_grams(answer: &str, hash_bits: u32) -> impl Iterator<Item = (u32, f64)> {
    let tokens = tokens(answer);
    let bucket = |n_gram: &[String]| (hash(n_gram) & ((1 << hash_bits) - 1)) as u32;
    let mut buckets: Vec<u32> = tokens.windows(1).chain(tokens.windows(2)).map(bucket).collect();
    // Sorted, because sums in the order of a hash set would differ from run to run.
    buckets.sort_unstable();
    buckets.dedup();
    let value = (buckets.len() as f64).sqrt().recip();
    buckets.into_iter().map(move |bucket| (STYLE.len() as u32 + bucket, value))
}

/// Lower-case words, and every other visible character by itself.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if is_word(c) {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if is_mark(c) {
            tokens.push(c.to_string());
        }
    }
    tokens.extend((!word.is_empty()).then_some(word));
    tokens
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().filter(|token| token.starts_with(is_word)).collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '\''
}

fn is_mark(c: char) -> bool {
    !is_word(c) && !c.is_whitespace()
}

fn pairs(words: &[String]) -> impl Iterator<Item = (&str, &str)> {
    words.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str()))
}

fn distinct(words: &[String]) -> HashSet<&str> {
    words.iter().map(String::as_str).collect()
}

fn distinct_pairs(words: &[String]) -> HashSet<(&str, &str)> {
    pairs(words).collect()
}

/// `part / whole`, and 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// FNV-1a of the words, each closed by a zero byte. Saved weights refer to it, so it must never change: the hasher of
/// the standard library gives no such promise.
fn hash(n_gram: &[String]) -> u64 {
    let bytes = n_gram.iter().flat_map(|word| word.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32) // The low bits of FNV are its weakest.
}
