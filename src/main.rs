//! The `cpm` program.

fn main() -> std::process::ExitCode {
    cpm::cli::main()
}
