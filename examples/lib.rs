//! Short programs to read and run: `cargo run --release -p yuandang-examples --example two_parties`.
