//! The compiler and its target become texts that the program can show.

use std::process::Command;

fn main() {
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(compiler).arg("--version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo::rustc-env=ANNUNCIATOR_RUSTC={}", said.unwrap_or_default());
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=ANNUNCIATOR_TARGET={target}");
    println!("cargo::rerun-if-changed=build.rs");
}
