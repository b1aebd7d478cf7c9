//! The program; everything it does is in `commdn::cli`.

fn main() -> std::process::ExitCode {
    commdn::cli::main()
}
