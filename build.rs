//! How the binary is linked: the unwinder comes from the compiler's static library.
//!
//! Without this it is the shared `libgcc_s`, whose loading and whose look at the processor make up
//! a tenth of the time a start takes. The linker takes the first library that has what it needs,
//! and the shared one is left out as nothing is left for it.
// Cargo tells a build script about the target in no other way.
#![allow(clippy::disallowed_methods)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let features = target("FEATURE");
    // A static program has it already.
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    if target("OS") == "linux" && target("ENV") == "gnu" && !is_static {
        println!("cargo::rustc-link-lib=gcc_eh");
    }
}
